#!/usr/bin/env bash
# Builds with clang, under the address and undefined-behaviour sanitizers, and runs what is asked for: each fuzz target for
# FUZZ_SECONDS (60), side by side, from the kept corpus (of the CSV readers, the files that they are tested on), or with `tests` the C++
# tests. What the fuzzers find on the way stays in build-fuzz; other arguments go to libFuzzer.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests=OFF
if [ "${1:-}" = tests ]; then tests=ON; fi
cmake -S . -B build-fuzz -DHADAMARD_FUZZ=ON -DHADAMARD_TESTS="$tests" -DCMAKE_CXX_COMPILER="${FUZZ_CXX:-clang++-14}"
cmake --build build-fuzz -j 2
if [ "$tests" = ON ]; then exec ./build-fuzz/hadamard_tests; fi
fuzz() {
  mkdir -p "build-fuzz/$1-corpus"
  "./build-fuzz/$1" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=20 -max_len=16384 -print_final_stats=1 \
    -artifact_prefix=build-fuzz/ "${@:3}" "build-fuzz/$1-corpus" "$2"
}
fuzz csv_fuzz test/data/csv "$@" >build-fuzz/csv_fuzz.log 2>&1 &
csv=$!
fuzz program_fuzz native/fuzz/corpus "$@"
status=0
wait "$csv" || status=$?
tail -n 40 build-fuzz/csv_fuzz.log
exit "$status"
