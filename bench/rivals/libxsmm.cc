// libxsmm: its generated kernels over blocks, the fastest of several blockings, tried when a case is opened. Its kernels
// are column-major, so the row-major C = op(A)·op(B) is computed as Cᵀ = op(B)ᵀ·op(A)ᵀ; they cannot take a transposed
// first operand, which is op(B) of NT: it is transposed by libxsmm_otrans within the time measured.
#include <libxsmm.h>
#include <omp.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "matrices.h"

namespace {

using Matrix = Matrices<float>;

struct Blocks {
  int m, n, k;
};

// Empty where no kernel is generated.
std::function<void()> blocked(const std::shared_ptr<Matrix>& p, Blocks block) {
  const int m = p->m, n = p->n, k = p->k;
  if (m % block.m != 0 || n % block.n != 0 || k % block.k != 0) return {};
  const int lda = n, ldb = p->lda(), ldc = n;
  const float one = 1, zero = 0;
  const auto kernel_of = [&](const float* beta) {
    const int flags = p->trans_a ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE;
    const int prefetch = LIBXSMM_PREFETCH_NONE;
    return libxsmm_smmdispatch(block.n, block.m, block.k, &lda, &ldb, &ldc, &one, beta, &flags, &prefetch);
  };
  const libxsmm_smmfunction first = kernel_of(&zero), next = kernel_of(&one);
  if (first == nullptr || next == nullptr) return {};
  const auto turned = std::make_shared<std::vector<float>>(p->trans_b ? static_cast<std::size_t>(n) * k : 0);
  return [=] {
    const float* b = p->b;
    if (p->trans_b) {
      libxsmm_otrans(turned->data(), p->b, sizeof(float), k, n, k, n);
      b = turned->data();
    }
    const bool is_shared = omp_get_max_threads() > 1;
#pragma omp parallel for collapse(2) if (is_shared)
    for (int i = 0; i < m; i += block.m) {
      for (int j = 0; j < n; j += block.n) {
        for (int q = 0; q < k; q += block.k) {
          const float* const a = p->trans_a ? p->a + std::size_t(q) * m + i : p->a + std::size_t(i) * k + q;
          (q == 0 ? first : next)(b + std::size_t(q) * n + j, a, p->c + std::size_t(i) * n + j);
        }
      }
    }
  };
}

Opened open(const Request& request) {
  if (request.kind != "sgemm") return {{}, 0, "only sgemm"};
  omp_set_num_threads(request.number("threads"));
  const auto p = std::make_shared<Matrix>(request);
  Opened best;
  double best_rate = 0;
  for (const int bm : {32, 64, 128, p->m}) {
    for (const int bn : {64, 128, 256, p->n}) {
      for (const int bk : {64, 128, 256, p->k}) {
        const Opened candidate{blocked(p, {std::min(bm, p->m), std::min(bn, p->n), std::min(bk, p->k)})};
        if (!candidate.call) continue;
        candidate.call();
        const double rate = items_per_second(candidate, 1);
        if (rate > best_rate) best_rate = rate, best = candidate;
      }
    }
  }
  if (!best.call) best.refusal = "no kernel for this shape";
  return best;
}

}  // namespace

int main() {
  libxsmm_init();
  return serve(LIBXSMM_VERSION, open);
}
