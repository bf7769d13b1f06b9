// One number as a vector of width 1, for machines without a known vector unit. Included inside an ISA's anonymous
// namespace; defines nothing outside of it. mul_add is fused for floats, exactly and without hardware help, and rounds
// twice for doubles (docs/numerics.md).
#pragma once

namespace f32 {

struct Vec {
  float v;
};
struct Mask {
  bool v;
};

constexpr int kWidth = 1;
constexpr int kRegisters = 16;
constexpr float kSmallestNormal = 0x1p-126f;
constexpr int kTileVecs = 4;

// a*b + c rounded once. The product is exact in a double; the sum's residual decides the last bit where the second
// rounding meets a tie or a subnormal.
inline float mul_add(float a, float b, float c) {
  const double product = double(a) * double(b);
  const double addend = c;
  double sum = product + addend;
  unsigned long long bits;
  __builtin_memcpy(&bits, &sum, 8);
  const bool is_tie = (bits & 0x1fffffff) == 0x10000000;
  const bool is_small = __builtin_fabs(sum) < 0x1p-126;
  if (!is_tie && !is_small) return float(sum);
  const double back = sum - product;
  const double residual = (product - (sum - back)) + (addend - back);
  if (residual != 0 && (bits & 1) == 0) {
    // Round to odd: step towards the residual, so that the float rounding below sees which side the sum lies on.
    bits = (residual > 0) == (sum > 0) ? bits + 1 : bits - 1;
    __builtin_memcpy(&sum, &bits, 8);
  }
  return float(sum);
}

inline Vec load(const float* p) { return {*p}; }
inline Vec load(const float* p, long long count) { return {count > 0 ? *p : 0.0f}; }
inline Vec load_masked(const float* p, long long count) { return load(p, count); }
inline void store(float* p, Vec x) { *p = x.v; }
inline void store(float* p, Vec x, long long count) {
  if (count > 0) *p = x.v;
}
inline Vec broadcast(float x) { return {x}; }
inline Vec operator+(Vec a, Vec b) { return {a.v + b.v}; }
inline Vec operator-(Vec a, Vec b) { return {a.v - b.v}; }
inline Vec operator*(Vec a, Vec b) { return {a.v * b.v}; }
inline Vec operator/(Vec a, Vec b) { return {a.v / b.v}; }
inline Vec operator-(Vec a) { return {-a.v}; }
inline Vec mul_add(Vec a, Vec b, Vec c) { return {mul_add(a.v, b.v, c.v)}; }
inline Vec sqrt(Vec a) { return {__builtin_sqrtf(a.v)}; }
inline Vec abs(Vec a) { return {__builtin_fabsf(a.v)}; }
inline Vec negative_abs(Vec a) { return -abs(a); }
inline Vec copysign(Vec magnitude, Vec sign) { return {__builtin_copysignf(magnitude.v, sign.v)}; }
inline Mask operator<(Vec a, Vec b) { return {a.v < b.v}; }
inline Mask operator<=(Vec a, Vec b) { return {a.v <= b.v}; }
inline Mask operator>(Vec a, Vec b) { return {a.v > b.v}; }
inline Mask operator>=(Vec a, Vec b) { return {a.v >= b.v}; }
inline Mask is_nan(Vec a) { return {a.v != a.v}; }
inline Mask first_lanes(long long count) { return {count > 0}; }
inline Vec select(Mask m, Vec a, Vec b) { return m.v ? a : b; }
// 0 where m is, else x.
inline Vec cleared(Mask m, Vec x) { return {m.v ? 0.0f : x.v}; }
// b where m is negative, else a; either at -0.
inline Vec select_by_sign(Vec m, Vec a, Vec b) { return select(m < broadcast(0.0f), b, a); }
inline Vec at_most(Vec x, Vec limit) { return select(x > limit, limit, x); }
inline Vec at_least(Vec x, Vec limit) { return select(x < limit, limit, x); }
inline bool any_nan(Vec a) { return a.v != a.v; }
inline float fold(Vec x) { return x.v; }
inline Vec fold_each(const Vec* x) { return *x; }

// to[j][i] = from[i][j] for a square of kWidth.
inline void transpose(const float* from, long long, float* to, long long) { *to = *from; }

// p * 2^n for an integral n in [-150, 129], rounded once.
inline Vec scale_by_power(Vec p, Vec n) {
  const int whole = n.v == n.v ? int(n.v) : 0;
  const int half = whole >> 1;
  const unsigned bits[2] = {unsigned(half + 127) << 23, unsigned(whole - half + 127) << 23};
  float power[2];
  __builtin_memcpy(power, bits, 8);
  return {p.v * power[0] * power[1]};
}

// Whether |x| is at most 87, where e^x is normal, by z = -|x|.
inline bool has_normal_exp(Vec z) { return z.v >= -87.0f; }

// p * 2^n where that is normal, for the sum of n and 1.5 * 2^23, whose last bits are those of n.
inline Vec add_to_exponent(Vec p, Vec sum) {
  unsigned bits, exponent;
  __builtin_memcpy(&bits, &p.v, 4);
  __builtin_memcpy(&exponent, &sum.v, 4);
  bits += exponent << 23;
  __builtin_memcpy(&p.v, &bits, 4);
  return p;
}

// x = m * 2^e with m in [sqrt(1/2), sqrt(2)), for a positive normal x. Of others it may be anything, so the bits wrap.
inline void decompose(Vec x, Vec& m, Vec& e) {
  unsigned bits;
  __builtin_memcpy(&bits, &x.v, 4);
  const int exponent = int(bits - 0x3f3504f3u) >> 23;
  bits -= unsigned(exponent) << 23;
  __builtin_memcpy(&m.v, &bits, 4);
  e.v = float(exponent);
}

}  // namespace f32

namespace f64 {

struct Vec {
  double v;
};
struct Mask {
  bool v;
};

constexpr int kWidth = 1;
constexpr int kRegisters = 16;
constexpr double kSmallestNormal = 0x1p-1022;
constexpr int kTileVecs = 4;

inline double mul_add(double a, double b, double c) { return a * b + c; }
inline Vec load(const double* p) { return {*p}; }
inline Vec load(const double* p, long long count) { return {count > 0 ? *p : 0.0}; }
inline Vec load_masked(const double* p, long long count) { return load(p, count); }
inline void store(double* p, Vec x) { *p = x.v; }
inline void store(double* p, Vec x, long long count) {
  if (count > 0) *p = x.v;
}
inline Vec broadcast(double x) { return {x}; }
inline Vec operator+(Vec a, Vec b) { return {a.v + b.v}; }
inline Vec operator-(Vec a, Vec b) { return {a.v - b.v}; }
inline Vec operator*(Vec a, Vec b) { return {a.v * b.v}; }
inline Vec operator/(Vec a, Vec b) { return {a.v / b.v}; }
inline Vec operator-(Vec a) { return {-a.v}; }
inline Vec mul_add(Vec a, Vec b, Vec c) { return {a.v * b.v + c.v}; }
inline Vec sqrt(Vec a) { return {__builtin_sqrt(a.v)}; }
inline Vec abs(Vec a) { return {__builtin_fabs(a.v)}; }
inline Vec copysign(Vec magnitude, Vec sign) { return {__builtin_copysign(magnitude.v, sign.v)}; }
inline Mask operator<(Vec a, Vec b) { return {a.v < b.v}; }
inline Mask operator<=(Vec a, Vec b) { return {a.v <= b.v}; }
inline Mask operator>(Vec a, Vec b) { return {a.v > b.v}; }
inline Mask operator>=(Vec a, Vec b) { return {a.v >= b.v}; }
inline Mask is_nan(Vec a) { return {a.v != a.v}; }
inline Mask first_lanes(long long count) { return {count > 0}; }
inline Vec select(Mask m, Vec a, Vec b) { return m.v ? a : b; }
inline Vec cleared(Mask m, Vec x) { return {m.v ? 0.0 : x.v}; }
inline Vec at_most(Vec x, Vec limit) { return select(x > limit, limit, x); }
inline Vec at_least(Vec x, Vec limit) { return select(x < limit, limit, x); }
inline bool any_nan(Vec a) { return a.v != a.v; }
inline double fold(Vec x) { return x.v; }
inline Vec fold_each(const Vec* x) { return *x; }

// to[j][i] = from[i][j] for a square of kWidth.
inline void transpose(const double* from, long long, double* to, long long) { *to = *from; }

// p * 2^n for an integral n in [-1076, 1025], rounded once.
inline Vec scale_by_power(Vec p, Vec n) {
  const long long whole = n.v == n.v ? (long long)(n.v) : 0;
  const long long half = whole >> 1;
  const unsigned long long bits[2] = {(unsigned long long)(half + 1023) << 52,
                                      (unsigned long long)(whole - half + 1023) << 52};
  double power[2];
  __builtin_memcpy(power, bits, 16);
  return {p.v * power[0] * power[1]};
}

// x = m * 2^e with m in [sqrt(1/2), sqrt(2)), for a positive normal x. Of others it may be anything, so the bits wrap.
inline void decompose(Vec x, Vec& m, Vec& e) {
  unsigned long long bits;
  __builtin_memcpy(&bits, &x.v, 8);
  const long long exponent = (long long)(bits - 0x3fe6a09e667f3bcdull) >> 52;
  bits -= (unsigned long long)(exponent) << 52;
  __builtin_memcpy(&m.v, &bits, 8);
  e.v = double(exponent);
}

}  // namespace f64
