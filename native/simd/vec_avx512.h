// Vectors in zmm registers: sixteen floats, or eight doubles. Included inside an ISA's anonymous namespace; <immintrin.h>
// comes before it. mul_add is fused for floats and rounds twice for doubles (docs/numerics.md).
#pragma once

namespace f32 {

struct Vec {
  __m512 v;
};
struct Mask {
  __mmask16 v;
};

constexpr int kWidth = 16;
constexpr int kRegisters = 32;
constexpr float kSmallestNormal = 0x1p-126f;
constexpr int kTileVecs = 4;

inline __mmask16 lane_mask(long long count) { return count >= 16 ? __mmask16(0xffff) : __mmask16((1u << count) - 1); }

inline float mul_add(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline Vec load_masked(const float* p, long long count) { return {_mm512_maskz_loadu_ps(lane_mask(count), p)}; }
// What a masked access touches cannot be handed from a store to the load behind it: both go through the cache. So parts of
// a size that has a plain access take that.
inline Vec load(const float* p, long long count) {
  if (count == 8) return {_mm512_zextps256_ps512(_mm256_loadu_ps(p))};
  if (count == 4) return {_mm512_zextps128_ps512(_mm_loadu_ps(p))};
  if (count == 2) return {_mm512_zextps128_ps512(_mm_castsi128_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))))};
  if (count == 1) return {_mm512_zextps128_ps512(_mm_load_ss(p))};
  return load_masked(p, count);
}
inline void store(float* p, Vec x) { _mm512_storeu_ps(p, x.v); }
inline void store(float* p, Vec x, long long count) {
  if (count >= 16) return store(p, x);
  if (count == 8) return _mm256_storeu_ps(p, _mm512_castps512_ps256(x.v));
  if (count == 4) return _mm_storeu_ps(p, _mm512_castps512_ps128(x.v));
  if (count == 2) return _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_castps_si128(_mm512_castps512_ps128(x.v)));
  if (count == 1) return _mm_store_ss(p, _mm512_castps512_ps128(x.v));
  _mm512_mask_storeu_ps(p, lane_mask(count), x.v);
}
inline Vec broadcast(float x) { return {_mm512_set1_ps(x)}; }
inline Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Vec operator/(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
// By the operator of the language, so that compilers join it with a product: the intrinsic hides what it does.
inline Vec operator-(Vec a) { return {-a.v}; }
inline Vec mul_add(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline Vec sqrt(Vec a) { return {_mm512_sqrt_ps(a.v)}; }
inline Vec abs(Vec a) { return {_mm512_andnot_ps(_mm512_set1_ps(-0.0f), a.v)}; }
inline Vec negative_abs(Vec a) { return -abs(a); }
inline Vec copysign(Vec magnitude, Vec sign) {
  const __m512 bit = _mm512_set1_ps(-0.0f);
  return {_mm512_or_ps(_mm512_andnot_ps(bit, magnitude.v), _mm512_and_ps(bit, sign.v))};
}
inline Mask operator<(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
inline Mask operator<=(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)}; }
inline Mask operator>(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_GT_OQ)}; }
inline Mask operator>=(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ)}; }
inline Mask is_nan(Vec a) { return {_mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q)}; }
inline Mask first_lanes(long long count) { return {lane_mask(count)}; }
inline Vec select(Mask m, Vec a, Vec b) { return {_mm512_mask_blend_ps(m.v, b.v, a.v)}; }
// 0 where m is, else x.
inline Vec cleared(Mask m, Vec x) { return {_mm512_mask_blend_ps(m.v, x.v, _mm512_setzero_ps())}; }
// b where m is negative, else a; either at -0.
inline Vec select_by_sign(Vec m, Vec a, Vec b) { return select(m < broadcast(0.0f), b, a); }
// The instructions give their second operand where one is NaN.
inline Vec at_most(Vec x, Vec limit) { return {_mm512_min_ps(limit.v, x.v)}; }
inline Vec at_least(Vec x, Vec limit) { return {_mm512_max_ps(limit.v, x.v)}; }
inline bool any_nan(Vec a) { return is_nan(a).v != 0; }
// Lane j takes in lane j + 8, + 4, + 2, + 1.
inline float fold(Vec x) {
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(x.v), _mm512_extractf32x8_ps(x.v, 1));
  const __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  const __m128 pair = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
  return _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)));
}

// The sums that a fold is made of, for two vectors at once: those of a come first, then those of b.
inline __m512 fold_halves(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
}
inline __m512 fold_quarters(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
}
// These two keep to the quarters.
inline __m512 fold_pairs(__m512 a, __m512 b) {
  const __m512d first = _mm512_castps_pd(a), second = _mm512_castps_pd(b);
  return _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(first, second)),
                       _mm512_castpd_ps(_mm512_unpackhi_pd(first, second)));
}
inline __m512 fold_last(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x88), _mm512_shuffle_ps(a, b, 0xdd));
}

// Lane i is fold(x[i]).
inline Vec fold_each(const Vec* x) {
  // Quarter i comes from the vectors 4 i to 4 i + 3.
  __m512 quarters[4];
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    quarters[j] = fold_quarters(fold_halves(x[j].v, x[4 + j].v), fold_halves(x[8 + j].v, x[12 + j].v));
  }
  return {fold_last(fold_pairs(quarters[0], quarters[1]), fold_pairs(quarters[2], quarters[3]))};
}

// to[j][i] = from[i][j] for a square of kWidth: pairs, then quads, then quarters and halves change places.
inline void transpose(const float* from, long long from_stride, float* to, long long to_stride) {
  __m512 row[16], pair[16], quad[16], half[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) row[i] = _mm512_loadu_ps(from + i * from_stride);
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    pair[i] = _mm512_unpacklo_ps(row[i], row[i + 1]);
    pair[i + 1] = _mm512_unpackhi_ps(row[i], row[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    quad[i] = _mm512_shuffle_ps(pair[i], pair[i + 2], 0x44);
    quad[i + 1] = _mm512_shuffle_ps(pair[i], pair[i + 2], 0xee);
    quad[i + 2] = _mm512_shuffle_ps(pair[i + 1], pair[i + 3], 0x44);
    quad[i + 3] = _mm512_shuffle_ps(pair[i + 1], pair[i + 3], 0xee);
  }
  // Quarter q of quad[4 g + j] holds column 4 q + j of the rows of group g.
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    half[j] = _mm512_shuffle_f32x4(quad[j], quad[4 + j], 0x88);
    half[4 + j] = _mm512_shuffle_f32x4(quad[j], quad[4 + j], 0xdd);
    half[8 + j] = _mm512_shuffle_f32x4(quad[8 + j], quad[12 + j], 0x88);
    half[12 + j] = _mm512_shuffle_f32x4(quad[8 + j], quad[12 + j], 0xdd);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    _mm512_storeu_ps(to + j * to_stride, _mm512_shuffle_f32x4(half[j], half[8 + j], 0x88));
    _mm512_storeu_ps(to + (4 + j) * to_stride, _mm512_shuffle_f32x4(half[4 + j], half[12 + j], 0x88));
    _mm512_storeu_ps(to + (8 + j) * to_stride, _mm512_shuffle_f32x4(half[j], half[8 + j], 0xdd));
    _mm512_storeu_ps(to + (12 + j) * to_stride, _mm512_shuffle_f32x4(half[4 + j], half[12 + j], 0xdd));
  }
}

// p * 2^n for an integral n in [-150, 129], rounded once.
inline Vec scale_by_power(Vec p, Vec n) { return {_mm512_scalef_ps(p.v, n.v)}; }

// One instruction scales by any power: to know that e^x is normal gains nothing.
inline bool has_normal_exp(Vec) { return false; }
inline Vec add_to_exponent(Vec p, Vec) { return p; }

// x = m * 2^e with m in [sqrt(1/2), sqrt(2)), for a positive normal x.
inline void decompose(Vec x, Vec& m, Vec& e) {
  const __m512i bits = _mm512_castps_si512(x.v);
  const __m512i exponent = _mm512_srai_epi32(_mm512_sub_epi32(bits, _mm512_set1_epi32(0x3f3504f3)), 23);
  m.v = _mm512_castsi512_ps(_mm512_sub_epi32(bits, _mm512_slli_epi32(exponent, 23)));
  e.v = _mm512_cvtepi32_ps(exponent);
}

}  // namespace f32

namespace f64 {

struct Vec {
  __m512d v;
};
struct Mask {
  __mmask8 v;
};

constexpr int kWidth = 8;
constexpr int kRegisters = 32;
constexpr double kSmallestNormal = 0x1p-1022;
constexpr int kTileVecs = 4;

inline __mmask8 lane_mask(long long count) { return count >= 8 ? __mmask8(0xff) : __mmask8((1u << count) - 1); }

inline double mul_add(double a, double b, double c) { return a * b + c; }
inline Vec load(const double* p) { return {_mm512_loadu_pd(p)}; }
inline Vec load_masked(const double* p, long long count) { return {_mm512_maskz_loadu_pd(lane_mask(count), p)}; }
inline Vec load(const double* p, long long count) { return load_masked(p, count); }
inline void store(double* p, Vec x) { _mm512_storeu_pd(p, x.v); }
inline void store(double* p, Vec x, long long count) { _mm512_mask_storeu_pd(p, lane_mask(count), x.v); }
inline Vec broadcast(double x) { return {_mm512_set1_pd(x)}; }
inline Vec operator+(Vec a, Vec b) { return {_mm512_add_pd(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {_mm512_sub_pd(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {_mm512_mul_pd(a.v, b.v)}; }
inline Vec operator/(Vec a, Vec b) { return {_mm512_div_pd(a.v, b.v)}; }
inline Vec operator-(Vec a) { return {-a.v}; }
inline Vec mul_add(Vec a, Vec b, Vec c) { return {_mm512_add_pd(_mm512_mul_pd(a.v, b.v), c.v)}; }
inline Vec sqrt(Vec a) { return {_mm512_sqrt_pd(a.v)}; }
inline Vec abs(Vec a) { return {_mm512_andnot_pd(_mm512_set1_pd(-0.0), a.v)}; }
inline Vec copysign(Vec magnitude, Vec sign) {
  const __m512d bit = _mm512_set1_pd(-0.0);
  return {_mm512_or_pd(_mm512_andnot_pd(bit, magnitude.v), _mm512_and_pd(bit, sign.v))};
}
inline Mask operator<(Vec a, Vec b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_LT_OQ)}; }
inline Mask operator<=(Vec a, Vec b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_LE_OQ)}; }
inline Mask operator>(Vec a, Vec b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_GT_OQ)}; }
inline Mask operator>=(Vec a, Vec b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_GE_OQ)}; }
inline Mask is_nan(Vec a) { return {_mm512_cmp_pd_mask(a.v, a.v, _CMP_UNORD_Q)}; }
inline Mask first_lanes(long long count) { return {lane_mask(count)}; }
inline Vec select(Mask m, Vec a, Vec b) { return {_mm512_mask_blend_pd(m.v, b.v, a.v)}; }
inline Vec cleared(Mask m, Vec x) { return {_mm512_mask_blend_pd(m.v, x.v, _mm512_setzero_pd())}; }
inline Vec at_most(Vec x, Vec limit) { return {_mm512_min_pd(limit.v, x.v)}; }
inline Vec at_least(Vec x, Vec limit) { return {_mm512_max_pd(limit.v, x.v)}; }
inline bool any_nan(Vec a) { return is_nan(a).v != 0; }
// Lane j takes in lane j + 4, + 2, + 1.
inline double fold(Vec x) {
  const __m256d half = _mm256_add_pd(_mm512_castpd512_pd256(x.v), _mm512_extractf64x4_pd(x.v, 1));
  const __m128d pair = _mm_add_pd(_mm256_castpd256_pd128(half), _mm256_extractf128_pd(half, 1));
  return _mm_cvtsd_f64(_mm_add_sd(pair, _mm_unpackhi_pd(pair, pair)));
}

// The sums that folds of doubles begin with, of two vectors at once: lanes lie in a first, then in b.
inline __m512d fold_halves(__m512d a, __m512d b) {
  return _mm512_add_pd(_mm512_shuffle_f64x2(a, b, 0x44), _mm512_shuffle_f64x2(a, b, 0xee));
}
inline __m512d fold_quarters(__m512d a, __m512d b) {
  return _mm512_add_pd(_mm512_shuffle_f64x2(a, b, 0x88), _mm512_shuffle_f64x2(a, b, 0xdd));
}

// Lane i is fold(x[i]).
inline Vec fold_each(const Vec* x) {
  // Quarter i comes from the vectors 2 i and 2 i + 1.
  const __m512d even = fold_quarters(fold_halves(x[0].v, x[2].v), fold_halves(x[4].v, x[6].v));
  const __m512d odd = fold_quarters(fold_halves(x[1].v, x[3].v), fold_halves(x[5].v, x[7].v));
  return {_mm512_add_pd(_mm512_unpacklo_pd(even, odd), _mm512_unpackhi_pd(even, odd))};
}

// to[j][i] = from[i][j] for a square of kWidth: pairs, then quarters, then halves change places.
inline void transpose(const double* from, long long from_stride, double* to, long long to_stride) {
  __m512d row[8], pair[8], quad[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) row[i] = _mm512_loadu_pd(from + i * from_stride);
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    pair[i] = _mm512_unpacklo_pd(row[i], row[i + 1]);
    pair[i + 1] = _mm512_unpackhi_pd(row[i], row[i + 1]);
  }
  // Quarter q of pair[2 g + j] holds column 2 q + j of the rows of group g.
#pragma GCC unroll 2
  for (int j = 0; j < 2; j++) {
    quad[j] = _mm512_shuffle_f64x2(pair[j], pair[2 + j], 0x88);
    quad[2 + j] = _mm512_shuffle_f64x2(pair[j], pair[2 + j], 0xdd);
    quad[4 + j] = _mm512_shuffle_f64x2(pair[4 + j], pair[6 + j], 0x88);
    quad[6 + j] = _mm512_shuffle_f64x2(pair[4 + j], pair[6 + j], 0xdd);
  }
#pragma GCC unroll 2
  for (int j = 0; j < 2; j++) {
    _mm512_storeu_pd(to + j * to_stride, _mm512_shuffle_f64x2(quad[j], quad[4 + j], 0x88));
    _mm512_storeu_pd(to + (2 + j) * to_stride, _mm512_shuffle_f64x2(quad[2 + j], quad[6 + j], 0x88));
    _mm512_storeu_pd(to + (4 + j) * to_stride, _mm512_shuffle_f64x2(quad[j], quad[4 + j], 0xdd));
    _mm512_storeu_pd(to + (6 + j) * to_stride, _mm512_shuffle_f64x2(quad[2 + j], quad[6 + j], 0xdd));
  }
}

// p * 2^n for an integral n in [-1076, 1025], rounded once.
inline Vec scale_by_power(Vec p, Vec n) { return {_mm512_scalef_pd(p.v, n.v)}; }

// x = m * 2^e with m in [sqrt(1/2), sqrt(2)), for a positive normal x.
inline void decompose(Vec x, Vec& m, Vec& e) {
  const __m512i bits = _mm512_castpd_si512(x.v);
  const __m512i exponent = _mm512_srai_epi64(_mm512_sub_epi64(bits, _mm512_set1_epi64(0x3fe6a09e667f3bcd)), 52);
  m.v = _mm512_castsi512_pd(_mm512_sub_epi64(bits, _mm512_slli_epi64(exponent, 52)));
  e.v = _mm512_cvtepi64_pd(exponent);
}

}  // namespace f64
