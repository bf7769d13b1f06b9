// The kernels for x86-64 with AVX2 and FMA.
#include <immintrin.h>
#define HADAMARD_ISA avx2
#define HADAMARD_VEC "../simd/vec_avx2.h"
#include "../kernels/all.inc"
