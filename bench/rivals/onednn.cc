// oneDNN: the faster of its BLAS-like dnnl_sgemm and its matmul primitive, tried when a case is opened.
#include <omp.h>

#include <oneapi/dnnl/dnnl.hpp>

#include "matrices.h"

namespace {

using Matrix = Matrices<float>;

std::function<void()> as_primitive(const std::shared_ptr<Matrix>& p) {
  using dnnl::memory;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const auto described = [](int rows, int columns, bool is_transposed) {
    const memory::dims strides = is_transposed ? memory::dims{1, rows} : memory::dims{columns, 1};
    return memory::desc({rows, columns}, memory::data_type::f32, strides);
  };
  const auto a = described(p->m, p->k, p->trans_a), b = described(p->k, p->n, p->trans_b), c = described(p->m, p->n, false);
  const dnnl::matmul matmul(dnnl::matmul::primitive_desc(dnnl::matmul::desc(a, b, c), engine));
  dnnl::stream stream(engine);
  const std::unordered_map<int, memory> operands{{DNNL_ARG_SRC, memory(a, engine, p->a)},
                                                 {DNNL_ARG_WEIGHTS, memory(b, engine, p->b)},
                                                 {DNNL_ARG_DST, memory(c, engine, p->c)}};
  return [p, matmul, stream, operands]() mutable {
    matmul.execute(stream, operands);
    stream.wait();
  };
}

std::function<void()> as_gemm(const std::shared_ptr<Matrix>& p) {
  return [p] {
    dnnl_sgemm(p->trans_a ? 'T' : 'N', p->trans_b ? 'T' : 'N', p->m, p->n, p->k, 1, p->a, p->lda(), p->b, p->ldb(), 0, p->c,
               p->n);
  };
}

Opened open(const Request& request) {
  if (request.kind != "sgemm") return {{}, 0, "only sgemm"};
  omp_set_num_threads(request.number("threads"));
  const auto matrices = std::make_shared<Matrix>(request);
  const Opened primitive{as_primitive(matrices)}, gemm{as_gemm(matrices)};
  for (const Opened* warm : {&primitive, &gemm}) items_per_second(*warm, 5);
  return items_per_second(primitive, 15) > items_per_second(gemm, 15) ? primitive : gemm;
}

}  // namespace

int main() {
  const dnnl_version_t& version = *dnnl_version();
  return serve(std::to_string(version.major) + "." + std::to_string(version.minor) + "." + std::to_string(version.patch),
               open);
}
