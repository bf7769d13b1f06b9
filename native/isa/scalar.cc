// The kernels for any machine.
#define HADAMARD_ISA scalar
#define HADAMARD_VEC "../simd/vec_scalar.h"
#include "../kernels/all.inc"
