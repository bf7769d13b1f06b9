// Worst errors of the elementary functions, in units in the last place of the exact result: every float32, and float64
// at edges and at points drawn by bit pattern and by value. The reference is libm in the next wider type.
//   g++ -std=c++20 -O3 -march=native -ffp-contract=off bench/ulp.cc -o ulp && ./ulp    (about 15 minutes of one core)
//   ./ulp --stride 64 --points 1000000 --only exp    every 64th float32, 10^6 doubles
// A machine without AVX2 gets the scalar kernels: the same results, slower.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <vector>
#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace {

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#include "../native/simd/vec_avx512.h"
#elif defined(__AVX2__) && defined(__FMA__)
#include "../native/simd/vec_avx2.h"
#else
#include "../native/simd/vec_scalar.h"
#endif

// Applies a function of vectors to n values, n a multiple of kWidth.
#define HADAMARD_MAP(f) \
  [](const Real* x, Real* y, int n) { for (int i = 0; i < n; i += kWidth) store(y + i, f(load(x + i))); }
#define HADAMARD_MAPS \
  {HADAMARD_MAP(exp), HADAMARD_MAP(expm1), HADAMARD_MAP(log), HADAMARD_MAP(log1p), HADAMARD_MAP(tanh), \
   HADAMARD_MAP(logistic), HADAMARD_MAP(softplus), HADAMARD_MAP(erf), HADAMARD_MAP(atan)}

namespace f32 {
using Real = float;
#include "../native/simd/math_f32.inc"
void (*const maps[])(const Real*, Real*, int) = HADAMARD_MAPS;
}  // namespace f32

namespace f64 {
using Real = double;
#include "../native/simd/math_f64.inc"
void (*const maps[])(const Real*, Real*, int) = HADAMARD_MAPS;
}  // namespace f64

template <class Wide>
Wide logistic(Wide x) {
  const Wide e = std::exp(-std::abs(x));
  return x < 0 ? e / (1 + e) : 1 / (1 + e);
}
template <class Wide>
Wide softplus(Wide x) {
  return (x < 0 ? 0 : x) + std::log1p(std::exp(-std::abs(x)));
}

struct Function {
  const char* name;
  double (*of_float)(double);
  long double (*of_double)(long double);
  // Range in which float64 points are drawn by value.
  double low, high;
};

const Function functions[] = {
    {"exp", std::exp, std::exp, -746, 710},
    {"expm1", std::expm1, std::expm1, -40, 4},
    {"log", std::log, std::log, 0, 4},
    {"log1p", std::log1p, std::log1p, -1, 4},
    {"tanh", std::tanh, std::tanh, -20, 20},
    {"logistic", logistic<double>, logistic<long double>, -40, 40},
    {"softplus", softplus<double>, softplus<long double>, -40, 40},
    {"erf", std::erf, std::erf, -6, 6},
    {"atan", std::atan, std::atan, -4, 4},
};

template <class Real, class Wide>
struct Worst {
  double error = 0;
  Real at = 0;

  void add(Real x, Real y, Wide exact) {
    const Real rounded = Real(exact);
    if (rounded == y && std::signbit(rounded) == std::signbit(y)) {
      if (std::isinf(y) || error > 0.5) return;
    } else if (std::isnan(rounded) && std::isnan(y)) {
      return;
    }
    const int exponent = std::max(std::ilogb(std::min(std::abs(exact), Wide(std::numeric_limits<Real>::max()))),
                                  std::numeric_limits<Real>::min_exponent - 1);
    double distance = double(std::ldexp(std::abs(Wide(y) - exact), std::numeric_limits<Real>::digits - 1 - exponent));
    if (std::isnan(distance) || (rounded == y && std::signbit(rounded) != std::signbit(y))) distance = INFINITY;
    if (distance > error) error = distance, at = x;
  }
};

constexpr int kChunk = 4096;

Worst<float, double> measure_float(int f, uint64_t stride) {
  std::vector<float> x(kChunk), y(kChunk);
  Worst<float, double> worst;
  for (uint64_t start = 0; start < (1ull << 32); start += stride * kChunk) {
    for (int i = 0; i < kChunk; i++) {
      const uint32_t bits = uint32_t(start + uint64_t(i) * stride);
      std::memcpy(&x[i], &bits, 4);
    }
    f32::maps[f](x.data(), y.data(), kChunk);
    for (int i = 0; i < kChunk; i++) worst.add(x[i], y[i], functions[f].of_float(x[i]));
  }
  return worst;
}

// Point i of the sample: steps around edges first, then patterns and values in turns.
double draw(const Function& function, uint64_t i) {
  static const double edges[] = {0,      0x1p-1074, 0x1p-1022, 0x1p-54, 0x1p-28, 0.25, 0.34657359027997264, 0.5,
                                 0.7071067811865476, 0.8, 1, 1.0397207708399179, 1.4142135623730951, 2, 4, 5.95, 19, 37,
                                 709.782712893384, 745.1332191019411, 0x1p53, 0x1p1023, 1.7976931348623157e308};
  constexpr uint64_t kSteps = 4096;
  const uint64_t edge = i / kSteps;
  uint64_t bits;
  if (edge < 2 * std::size(edges)) {
    std::memcpy(&bits, &edges[edge / 2], 8);
    bits += i % kSteps - std::min(bits, kSteps / 2);
    bits |= edge % 2 << 63;
  } else {
    uint64_t z = i * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    bits = z ^ (z >> 31);
    if (i % 8 != 0) return function.low + (function.high - function.low) * (double(bits >> 11) * 0x1p-53);
  }
  double x;
  std::memcpy(&x, &bits, 8);
  return x;
}

Worst<double, long double> measure_double(int f, uint64_t points) {
  std::vector<double> x(kChunk), y(kChunk);
  Worst<double, long double> worst;
  for (uint64_t start = 0; start < points; start += kChunk) {
    for (int i = 0; i < kChunk; i++) x[i] = draw(functions[f], start + uint64_t(i));
    f64::maps[f](x.data(), y.data(), kChunk);
    for (int i = 0; i < kChunk; i++) worst.add(x[i], y[i], functions[f].of_double(x[i]));
  }
  return worst;
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t stride = 1, points = 10'000'000;
  std::string only;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--stride") stride = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--points") points = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--only") only = argv[i + 1];
  }
  std::printf("| function | float32 | at | float64 | at |\n| --- | --- | --- | --- | --- |\n");
  for (int f = 0; f < int(std::size(functions)); f++) {
    if (!only.empty() && only != functions[f].name) continue;
    Worst<float, double> single;
    Worst<double, long double> twice;
    if (stride > 0) single = measure_float(f, stride);
    if (points > 0) twice = measure_double(f, points);
    std::printf("| %s | %.3f | %.9g | %.3f | %.17g |\n", functions[f].name, single.error, double(single.at),
                twice.error, twice.at);
    std::fflush(stdout);
  }
}
