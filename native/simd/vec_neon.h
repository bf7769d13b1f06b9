// Vectors in NEON registers: four floats, or two doubles. Included inside an ISA's anonymous namespace; <arm_neon.h> comes
// before it. mul_add is fused for floats and rounds twice for doubles (docs/numerics.md).
#pragma once

namespace f32 {

struct Vec {
  float32x4_t v;
};
struct Mask {
  uint32x4_t v;
};

constexpr int kWidth = 4;
constexpr int kRegisters = 32;
constexpr float kSmallestNormal = 0x1p-126f;
constexpr int kTileVecs = 4;

inline uint32x4_t lane_mask(long long count) {
  const int32_t lanes[4] = {0, 1, 2, 3};
  return vcgtq_s32(vdupq_n_s32(count > 4 ? 4 : int(count)), vld1q_s32(lanes));
}

inline float mul_add(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline Vec load(const float* p) { return {vld1q_f32(p)}; }
// NEON has no masked access: the valid lanes go through the stack.
inline Vec load(const float* p, long long count) {
  if (count >= 4) return load(p);
  float lanes[4] = {};
  for (long long i = 0; i < count; i++) lanes[i] = p[i];
  return {vld1q_f32(lanes)};
}
inline Vec load_masked(const float* p, long long count) { return load(p, count); }
inline void store(float* p, Vec x) { vst1q_f32(p, x.v); }
inline void store(float* p, Vec x, long long count) {
  if (count >= 4) return store(p, x);
  float lanes[4];
  vst1q_f32(lanes, x.v);
  for (long long i = 0; i < count; i++) p[i] = lanes[i];
}
inline Vec broadcast(float x) { return {vdupq_n_f32(x)}; }
inline Vec operator+(Vec a, Vec b) { return {vaddq_f32(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {vsubq_f32(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {vmulq_f32(a.v, b.v)}; }
inline Vec operator/(Vec a, Vec b) { return {vdivq_f32(a.v, b.v)}; }
inline Vec operator-(Vec a) { return {vnegq_f32(a.v)}; }
inline Vec mul_add(Vec a, Vec b, Vec c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
inline Vec sqrt(Vec a) { return {vsqrtq_f32(a.v)}; }
inline Vec abs(Vec a) { return {vabsq_f32(a.v)}; }
inline Vec negative_abs(Vec a) { return -abs(a); }
inline Vec copysign(Vec magnitude, Vec sign) { return {vbslq_f32(vdupq_n_u32(0x80000000u), sign.v, magnitude.v)}; }
inline Mask operator<(Vec a, Vec b) { return {vcltq_f32(a.v, b.v)}; }
inline Mask operator<=(Vec a, Vec b) { return {vcleq_f32(a.v, b.v)}; }
inline Mask operator>(Vec a, Vec b) { return {vcgtq_f32(a.v, b.v)}; }
inline Mask operator>=(Vec a, Vec b) { return {vcgeq_f32(a.v, b.v)}; }
inline Mask is_nan(Vec a) { return {vmvnq_u32(vceqq_f32(a.v, a.v))}; }
inline Mask first_lanes(long long count) { return {lane_mask(count)}; }
inline Vec select(Mask m, Vec a, Vec b) { return {vbslq_f32(m.v, a.v, b.v)}; }
// 0 where m is, else x.
inline Vec cleared(Mask m, Vec x) { return {vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(x.v), m.v))}; }
// b where m is negative, else a; either at -0.
inline Vec select_by_sign(Vec m, Vec a, Vec b) { return select(m < broadcast(0.0f), b, a); }
inline Vec at_most(Vec x, Vec limit) { return select(x > limit, limit, x); }
inline Vec at_least(Vec x, Vec limit) { return select(x < limit, limit, x); }
inline bool any_nan(Vec a) { return vmaxvq_u32(is_nan(a).v) != 0; }
// Lane j takes in lane j + 2, + 1.
inline float fold(Vec x) {
  const float32x2_t pair = vadd_f32(vget_low_f32(x.v), vget_high_f32(x.v));
  return vget_lane_f32(pair, 0) + vget_lane_f32(pair, 1);
}

// Lane j of both takes in lane j + 2.
inline float32x4_t fold_pairs(Vec a, Vec b) {
  return vaddq_f32(vcombine_f32(vget_low_f32(a.v), vget_low_f32(b.v)), vcombine_f32(vget_high_f32(a.v), vget_high_f32(b.v)));
}

// Lane i is fold(x[i]).
inline Vec fold_each(const Vec* x) { return {vpaddq_f32(fold_pairs(x[0], x[1]), fold_pairs(x[2], x[3]))}; }

// to[j][i] = from[i][j] for a square of kWidth: pairs, then halves change places.
inline void transpose(const float* from, long long from_stride, float* to, long long to_stride) {
  const float32x4x2_t first = vtrnq_f32(vld1q_f32(from), vld1q_f32(from + from_stride));
  const float32x4x2_t second = vtrnq_f32(vld1q_f32(from + 2 * from_stride), vld1q_f32(from + 3 * from_stride));
  for (int j = 0; j < 2; j++) {
    vst1q_f32(to + j * to_stride, vcombine_f32(vget_low_f32(first.val[j]), vget_low_f32(second.val[j])));
    vst1q_f32(to + (j + 2) * to_stride, vcombine_f32(vget_high_f32(first.val[j]), vget_high_f32(second.val[j])));
  }
}

// p * 2^n for an integral n in [-150, 129], rounded once: the first product is exact.
inline Vec scale_by_power(Vec p, Vec n) {
  const int32x4_t whole = vcvtq_s32_f32(n.v);
  const int32x4_t half = vshrq_n_s32(whole, 1);
  const int32x4_t bias = vdupq_n_s32(127);
  const int32x4_t first = vshlq_n_s32(vaddq_s32(half, bias), 23);
  const int32x4_t second = vshlq_n_s32(vaddq_s32(vsubq_s32(whole, half), bias), 23);
  return {vmulq_f32(vmulq_f32(p.v, vreinterpretq_f32_s32(first)), vreinterpretq_f32_s32(second))};
}

// Whether |x| is at most 87 in all lanes, where e^x is normal, by z = -|x|.
inline bool has_normal_exp(Vec z) { return vminvq_u32(vcgeq_f32(z.v, vdupq_n_f32(-87.0f))) != 0; }

// p * 2^n where that is normal, for the sum of n and 1.5 * 2^23, whose last bits are those of n.
inline Vec add_to_exponent(Vec p, Vec sum) {
  const int32x4_t exponent = vshlq_n_s32(vreinterpretq_s32_f32(sum.v), 23);
  return {vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(p.v), exponent))};
}

// x = m * 2^e with m in [sqrt(1/2), sqrt(2)), for a positive normal x.
inline void decompose(Vec x, Vec& m, Vec& e) {
  const int32x4_t bits = vreinterpretq_s32_f32(x.v);
  const int32x4_t exponent = vshrq_n_s32(vsubq_s32(bits, vdupq_n_s32(0x3f3504f3)), 23);
  m.v = vreinterpretq_f32_s32(vsubq_s32(bits, vshlq_n_s32(exponent, 23)));
  e.v = vcvtq_f32_s32(exponent);
}

}  // namespace f32

namespace f64 {

struct Vec {
  float64x2_t v;
};
struct Mask {
  uint64x2_t v;
};

constexpr int kWidth = 2;
constexpr int kRegisters = 32;
constexpr double kSmallestNormal = 0x1p-1022;
constexpr int kTileVecs = 4;

inline uint64x2_t lane_mask(long long count) {
  return vcombine_u64(vdup_n_u64(count > 0 ? ~0ull : 0), vdup_n_u64(count > 1 ? ~0ull : 0));
}

inline double mul_add(double a, double b, double c) { return a * b + c; }
inline Vec load(const double* p) { return {vld1q_f64(p)}; }
inline Vec load(const double* p, long long count) {
  if (count >= 2) return load(p);
  return {vcombine_f64(vdup_n_f64(count > 0 ? *p : 0.0), vdup_n_f64(0.0))};
}
inline Vec load_masked(const double* p, long long count) { return load(p, count); }
inline void store(double* p, Vec x) { vst1q_f64(p, x.v); }
inline void store(double* p, Vec x, long long count) {
  if (count >= 2) return store(p, x);
  if (count > 0) *p = vgetq_lane_f64(x.v, 0);
}
inline Vec broadcast(double x) { return {vdupq_n_f64(x)}; }
inline Vec operator+(Vec a, Vec b) { return {vaddq_f64(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {vsubq_f64(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {vmulq_f64(a.v, b.v)}; }
inline Vec operator/(Vec a, Vec b) { return {vdivq_f64(a.v, b.v)}; }
inline Vec operator-(Vec a) { return {vnegq_f64(a.v)}; }
inline Vec mul_add(Vec a, Vec b, Vec c) { return {vaddq_f64(vmulq_f64(a.v, b.v), c.v)}; }
inline Vec sqrt(Vec a) { return {vsqrtq_f64(a.v)}; }
inline Vec abs(Vec a) { return {vabsq_f64(a.v)}; }
inline Vec copysign(Vec magnitude, Vec sign) {
  return {vbslq_f64(vdupq_n_u64(0x8000000000000000ull), sign.v, magnitude.v)};
}
inline Mask operator<(Vec a, Vec b) { return {vcltq_f64(a.v, b.v)}; }
inline Mask operator<=(Vec a, Vec b) { return {vcleq_f64(a.v, b.v)}; }
inline Mask operator>(Vec a, Vec b) { return {vcgtq_f64(a.v, b.v)}; }
inline Mask operator>=(Vec a, Vec b) { return {vcgeq_f64(a.v, b.v)}; }
inline Mask is_nan(Vec a) {
  return {vreinterpretq_u64_u32(vmvnq_u32(vreinterpretq_u32_u64(vceqq_f64(a.v, a.v))))};
}
inline Mask first_lanes(long long count) { return {lane_mask(count)}; }
inline Vec select(Mask m, Vec a, Vec b) { return {vbslq_f64(m.v, a.v, b.v)}; }
inline Vec cleared(Mask m, Vec x) { return {vreinterpretq_f64_u64(vbicq_u64(vreinterpretq_u64_f64(x.v), m.v))}; }
inline Vec at_most(Vec x, Vec limit) { return select(x > limit, limit, x); }
inline Vec at_least(Vec x, Vec limit) { return select(x < limit, limit, x); }
inline bool any_nan(Vec a) { return vmaxvq_u32(vreinterpretq_u32_u64(is_nan(a).v)) != 0; }
inline double fold(Vec x) { return vgetq_lane_f64(x.v, 0) + vgetq_lane_f64(x.v, 1); }
// Lane i is fold(x[i]).
inline Vec fold_each(const Vec* x) { return {vpaddq_f64(x[0].v, x[1].v)}; }

// to[j][i] = from[i][j] for a square of kWidth.
inline void transpose(const double* from, long long from_stride, double* to, long long to_stride) {
  const float64x2_t first = vld1q_f64(from), second = vld1q_f64(from + from_stride);
  vst1q_f64(to, vzip1q_f64(first, second));
  vst1q_f64(to + to_stride, vzip2q_f64(first, second));
}

// p * 2^n for an integral n in [-1076, 1025], rounded once: the first product is exact.
inline Vec scale_by_power(Vec p, Vec n) {
  const int64x2_t whole = vcvtq_s64_f64(n.v);
  const int64x2_t half = vshrq_n_s64(whole, 1);
  const int64x2_t bias = vdupq_n_s64(1023);
  const int64x2_t first = vshlq_n_s64(vaddq_s64(half, bias), 52);
  const int64x2_t second = vshlq_n_s64(vaddq_s64(vsubq_s64(whole, half), bias), 52);
  return {vmulq_f64(vmulq_f64(p.v, vreinterpretq_f64_s64(first)), vreinterpretq_f64_s64(second))};
}

// x = m * 2^e with m in [sqrt(1/2), sqrt(2)), for a positive normal x.
inline void decompose(Vec x, Vec& m, Vec& e) {
  const int64x2_t bits = vreinterpretq_s64_f64(x.v);
  const int64x2_t exponent = vshrq_n_s64(vsubq_s64(bits, vdupq_n_s64(0x3fe6a09e667f3bcd)), 52);
  m.v = vreinterpretq_f64_s64(vsubq_s64(bits, vshlq_n_s64(exponent, 52)));
  e.v = vcvtq_f64_s64(exponent);
}

}  // namespace f64
