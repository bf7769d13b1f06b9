// What this machine can do at best: chains of float32 fma, and of float64 multiplications and additions, in registers only,
// as many chains as hide their latency. Operations per second, an fma counting two.
#include <thread>
#include <vector>

#include "rivals/protocol.h"

namespace {

#if defined(__AVX512F__)
constexpr int width = 64, chains = 24;
#elif defined(__AVX__)
constexpr int width = 32, chains = 12;
#else
constexpr int width = 16, chains = 16;
#endif

template <class T>
struct Vector {
  typedef T type __attribute__((vector_size(width)));
};

constexpr int turns = 20000;

// The compiler may neither drop a chain, nor see that all are equal, nor keep them out of registers.
template <class V>
void keep(V& value) {
#if defined(__x86_64__)
  asm volatile("" : "+x"(value));
#elif defined(__aarch64__)
  asm volatile("" : "+w"(value));
#else
  asm volatile("" : "+m"(value));
#endif
}

void fma_chains() {
  using V = Vector<float>::type;
  V sums[chains] = {}, a = V{} + 0.5f, b = V{} + 0.5f;
  keep(a), keep(b);
  for (V& sum : sums) keep(sum);
  for (int t = 0; t < turns; ++t) {
#pragma GCC unroll 32
    for (int i = 0; i < chains; ++i) sums[i] = a * sums[i] + b;
  }
  for (V& sum : sums) keep(sum);
}

// As the numeric contract wants products of doubles: two roundings. The asm keeps them from being contracted, and the product
// from being computed once for all.
void multiply_add_chains() {
  using V = Vector<double>::type;
  V sums[chains / 2] = {}, a = V{} + 0.5, b = V{} + 0.5;
  keep(a), keep(b);
  for (V& sum : sums) keep(sum);
  for (int t = 0; t < 2 * turns; ++t) {
#pragma GCC unroll 32
    for (int i = 0; i < chains / 2; ++i) {
      keep(a);
      V product = a * b;
      keep(product);
      sums[i] = sums[i] + product;
    }
  }
  for (V& sum : sums) keep(sum);
}

Opened open(const Request& request) {
  const bool is_float = request.text("dtype") == "float32";
  const int threads = request.number("threads");
  const double lanes = width / (is_float ? 4.0 : 8.0);
  void (*const work)() = is_float ? fma_chains : multiply_add_chains;
  const auto call = [work, threads] {
    std::vector<std::thread> helpers;
    for (int i = 1; i < threads; ++i) helpers.emplace_back([work] { for (int r = 0; r < 50; ++r) work(); });
    for (int r = 0; r < 50; ++r) work();
    for (std::thread& helper : helpers) helper.join();
  };
  return {call, 50.0 * 2 * lanes * chains * turns * threads};
}

}  // namespace

int main() { return serve("1", open); }
