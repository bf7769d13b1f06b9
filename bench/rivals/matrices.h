// Operands of a product, C = op(A)·op(B), for the adapters of libraries that multiply matrices.
#ifndef HADAMARD_BENCH_MATRICES_H
#define HADAMARD_BENCH_MATRICES_H

#include <cstdlib>
#include <memory>

#include "protocol.h"

template <class T>
struct Matrices {
  int m, n, k;
  bool trans_a, trans_b;
  T *a, *b, *c;

  explicit Matrices(const Request& request)
      : m(request.number("m")),
        n(request.number("n")),
        k(request.number("k")),
        trans_a(request.text("form")[0] == 'T'),
        trans_b(request.text("form")[1] == 'T'),
        a(filled(m * k)),
        b(filled(k * n)),
        c(filled(m * n)) {}
  Matrices(const Matrices&) = delete;
  Matrices& operator=(const Matrices&) = delete;
  ~Matrices() { std::free(a), std::free(b), std::free(c); }

  // Distance of two rows as stored.
  int lda() const { return trans_a ? m : k; }
  int ldb() const { return trans_b ? k : n; }

 private:
  static T* filled(int count) {
    T* const values = static_cast<T*>(std::aligned_alloc(64, (static_cast<std::size_t>(count) * sizeof(T) + 63) / 64 * 64));
    for (int i = 0; i < count; ++i) values[i] = sample(static_cast<std::uint32_t>(i));
    return values;
  }
};

// Opens a product in the element type that the request's kind names: `multiply` is a generic lambda over Matrices<T>.
template <class Multiply>
Opened open_product(const Request& request, const Multiply& multiply) {
  if (request.kind == "sgemm") {
    const auto matrices = std::make_shared<Matrices<float>>(request);
    return {[matrices, multiply] { multiply(*matrices); }};
  }
  if (request.kind == "dgemm") {
    const auto matrices = std::make_shared<Matrices<double>>(request);
    return {[matrices, multiply] { multiply(*matrices); }};
  }
  return {{}, 0, "only products"};
}

#endif
