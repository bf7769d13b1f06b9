// The kernels for aarch64, all of whose processors have NEON.
#include <arm_neon.h>
#define HADAMARD_ISA neon
#define HADAMARD_VEC "../simd/vec_neon.h"
#include "../kernels/all.inc"
