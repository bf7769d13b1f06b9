#!/usr/bin/env bash
# Builds the fuzz target with clang and runs it for FUZZ_SECONDS (60) from the kept corpus. What it finds on the way
# stays in build-fuzz; arguments go to libFuzzer.
set -euo pipefail
cd "$(dirname "$0")/../.."
cmake -S . -B build-fuzz -DHADAMARD_FUZZ=ON -DCMAKE_CXX_COMPILER="${FUZZ_CXX:-clang++-14}"
cmake --build build-fuzz -j 2
mkdir -p build-fuzz/corpus
./build-fuzz/program_fuzz -max_total_time="${FUZZ_SECONDS:-60}" -timeout=20 -max_len=16384 -print_final_stats=1 \
  -artifact_prefix=build-fuzz/ "$@" build-fuzz/corpus native/fuzz/corpus
