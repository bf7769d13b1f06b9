#!/usr/bin/env bash
# Builds with clang, under the address and undefined-behaviour sanitizers, and runs what is asked for: the fuzz target for
# FUZZ_SECONDS (60) from the kept corpus, or with `tests` the C++ tests. What the fuzzer finds on the way stays in
# build-fuzz; other arguments go to libFuzzer.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests=OFF
if [ "${1:-}" = tests ]; then tests=ON; fi
cmake -S . -B build-fuzz -DHADAMARD_FUZZ=ON -DHADAMARD_TESTS="$tests" -DCMAKE_CXX_COMPILER="${FUZZ_CXX:-clang++-14}"
cmake --build build-fuzz -j 2
if [ "$tests" = ON ]; then exec ./build-fuzz/hadamard_tests; fi
mkdir -p build-fuzz/corpus
./build-fuzz/program_fuzz -max_total_time="${FUZZ_SECONDS:-60}" -timeout=20 -max_len=16384 -print_final_stats=1 \
  -artifact_prefix=build-fuzz/ "$@" build-fuzz/corpus native/fuzz/corpus
