// The kernels for x86-64 with AVX-512 (F, DQ, VL, BW).
#include <immintrin.h>
#define HADAMARD_ISA avx512
#define HADAMARD_VEC "../simd/vec_avx512.h"
#include "../kernels/all.inc"
