// What the machine offers this process: instruction sets, and cores after affinity and container limits.
#pragma once

namespace hadamard::cpu {

bool has_avx2_and_fma();
bool has_avx512();  // F, DQ, BW and VL

// Physical cores that this process may use, at least 1. Asked anew at every call: limits change.
int available_cores();

}  // namespace hadamard::cpu
