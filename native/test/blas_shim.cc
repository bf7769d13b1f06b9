// Fortran's sgemm_ and dgemm_ over our kernels, as a shared library that is loaded in front of netlib's BLAS testers. The
// environment variable HADAMARD_ISA names the instruction set; nothing falls back to another one.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "../dispatch.h"

// Of the tester, which expects a call with the position of the first bad argument.
extern "C" void xerbla_(const char* name, const int* position, std::size_t name_length);

namespace hadamard {
namespace {

const Isa& asked_isa() {
  const char* const name = std::getenv("HADAMARD_ISA");
  const Isa* const isa = find_isa(name == nullptr ? "" : name);
  if (isa != nullptr) {
    // The proof that this library, and not the one behind it, was tested.
    std::fprintf(stderr, "blas_shim: %s\n", isa->name);
    return *isa;
  }
  std::fprintf(stderr, "blas_shim: HADAMARD_ISA: expected an instruction set of this machine; received %s\n",
               name == nullptr ? "nothing" : name);
  std::exit(2);
}

// 0 as it is, 1 transposed (for real numbers the conjugate too), -1 for another letter.
int transposition(char letter) {
  switch (letter) {
    case 'N':
    case 'n': return 0;
    case 'T':
    case 't':
    case 'C':
    case 'c': return 1;
    default: return -1;
  }
}

// A matrix by columns is its transpose by rows: C' = op(B)' op(A)', so a and b, m and n change places.
template <class T>
void gemm(Dtype dtype, const char (&name)[7], char trans_a, char trans_b, int m, int n, int k, T alpha, const T* a,
          int lda, const T* b, int ldb, T beta, T* c, int ldc) {
  const int is_a_turned = transposition(trans_a), is_b_turned = transposition(trans_b);
  const int bad = is_a_turned < 0                           ? 1
                  : is_b_turned < 0                         ? 2
                  : m < 0                                   ? 3
                  : n < 0                                   ? 4
                  : k < 0                                   ? 5
                  : lda < std::max(1, is_a_turned ? k : m) ? 8
                  : ldb < std::max(1, is_b_turned ? n : k) ? 10
                  : ldc < std::max(1, m)                    ? 13
                                                            : 0;
  if (bad != 0) return xerbla_(name, &bad, sizeof name - 1);
  static const Isa& isa = asked_isa();
  if (m == 0 || n == 0) return;
  isa.kernels(dtype).gemm({.trans_a = is_b_turned == 1, .trans_b = is_a_turned == 1, .m = n, .n = m, .k = k,
                      .alpha = alpha, .beta = beta, .a = b, .lda = ldb, .b = a, .ldb = lda, .c = c, .ldc = ldc,
                      .begin = 0, .end = n});
}

}  // namespace
}  // namespace hadamard

#pragma GCC visibility push(default)

extern "C" void sgemm_(const char* trans_a, const char* trans_b, const int* m, const int* n, const int* k,
                       const float* alpha, const float* a, const int* lda, const float* b, const int* ldb,
                       const float* beta, float* c, const int* ldc) {
  hadamard::gemm(hadamard::Dtype::float32, "SGEMM ", *trans_a, *trans_b, *m, *n, *k, *alpha, a, *lda, b, *ldb, *beta, c,
                 *ldc);
}

extern "C" void dgemm_(const char* trans_a, const char* trans_b, const int* m, const int* n, const int* k,
                       const double* alpha, const double* a, const int* lda, const double* b, const int* ldb,
                       const double* beta, double* c, const int* ldc) {
  hadamard::gemm(hadamard::Dtype::float64, "DGEMM ", *trans_a, *trans_b, *m, *n, *k, *alpha, a, *lda, b, *ldb, *beta, c,
                 *ldc);
}

#pragma GCC visibility pop
