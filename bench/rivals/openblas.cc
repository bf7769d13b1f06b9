// OpenBLAS: cblas_sgemm and cblas_dgemm.
#include <cblas.h>

#include "matrices.h"

namespace {

CBLAS_TRANSPOSE transposed(bool is) { return is ? CblasTrans : CblasNoTrans; }

struct Multiply {
  void operator()(const Matrices<float>& p) const {
    cblas_sgemm(CblasRowMajor, transposed(p.trans_a), transposed(p.trans_b), p.m, p.n, p.k, 1, p.a, p.lda(), p.b, p.ldb(),
                0, p.c, p.n);
  }
  void operator()(const Matrices<double>& p) const {
    cblas_dgemm(CblasRowMajor, transposed(p.trans_a), transposed(p.trans_b), p.m, p.n, p.k, 1, p.a, p.lda(), p.b, p.ldb(),
                0, p.c, p.n);
  }
};

}  // namespace

int main() {
  std::string version = openblas_get_config();
  version = version.substr(version.find(' ') + 1);
  return serve(version.substr(0, version.find(' ')) + " " + openblas_get_corename(), [](const Request& request) {
    if (request.fields.count("threads") > 0) openblas_set_num_threads(request.number("threads"));
    return open_product(request, Multiply{});
  });
}
