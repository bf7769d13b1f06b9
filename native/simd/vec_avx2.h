// Vectors in ymm registers, with FMA: eight floats, or four doubles. Included inside an ISA's anonymous namespace;
// <immintrin.h> comes before it. mul_add is fused for floats and rounds twice for doubles (docs/numerics.md).
#pragma once

namespace f32 {

struct Vec {
  __m256 v;
};
struct Mask {
  __m256 v;
};

constexpr int kWidth = 8;
constexpr int kRegisters = 16;
constexpr float kSmallestNormal = 0x1p-126f;
constexpr int kTileVecs = 2;

inline __m256i lane_mask(long long count) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count > 8 ? 8 : int(count)), lanes);
}

inline float mul_add(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
inline Vec load(const float* p, long long count) { return {_mm256_maskload_ps(p, lane_mask(count))}; }
inline Vec load_masked(const float* p, long long count) { return load(p, count); }
inline void store(float* p, Vec x) { _mm256_storeu_ps(p, x.v); }
inline void store(float* p, Vec x, long long count) { _mm256_maskstore_ps(p, lane_mask(count), x.v); }
inline Vec broadcast(float x) { return {_mm256_set1_ps(x)}; }
inline Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
inline Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
// By the operator of the language, so that compilers join it with a product: the intrinsic hides what it does.
inline Vec operator-(Vec a) { return {-a.v}; }
inline Vec mul_add(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
inline Vec sqrt(Vec a) { return {_mm256_sqrt_ps(a.v)}; }
inline Vec abs(Vec a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
inline Vec negative_abs(Vec a) { return {_mm256_or_ps(a.v, _mm256_set1_ps(-0.0f))}; }
inline Vec copysign(Vec magnitude, Vec sign) {
  const __m256 bit = _mm256_set1_ps(-0.0f);
  return {_mm256_or_ps(_mm256_andnot_ps(bit, magnitude.v), _mm256_and_ps(bit, sign.v))};
}
inline Mask operator<(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
inline Mask operator<=(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ)}; }
inline Mask operator>(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_GT_OQ)}; }
inline Mask operator>=(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_GE_OQ)}; }
inline Mask is_nan(Vec a) { return {_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q)}; }
inline Mask first_lanes(long long count) { return {_mm256_castsi256_ps(lane_mask(count))}; }
inline Vec select(Mask m, Vec a, Vec b) { return {_mm256_blendv_ps(b.v, a.v, m.v)}; }
// 0 where m is, else x.
inline Vec cleared(Mask m, Vec x) { return {_mm256_andnot_ps(m.v, x.v)}; }
// b where m is negative, else a; either at -0.
inline Vec select_by_sign(Vec m, Vec a, Vec b) { return {_mm256_blendv_ps(a.v, b.v, m.v)}; }
// The instructions give their second operand where one is NaN.
inline Vec at_most(Vec x, Vec limit) { return {_mm256_min_ps(limit.v, x.v)}; }
inline Vec at_least(Vec x, Vec limit) { return {_mm256_max_ps(limit.v, x.v)}; }
inline bool any_nan(Vec a) { return _mm256_movemask_ps(is_nan(a).v) != 0; }
// Lane j takes in lane j + 4, + 2, + 1.
inline float fold(Vec x) {
  const __m128 half = _mm_add_ps(_mm256_castps256_ps128(x.v), _mm256_extractf128_ps(x.v, 1));
  const __m128 pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)));
}

// The sums that a fold is made of, for two vectors at once: those of a come first, then those of b.
inline __m256 fold_halves(__m256 a, __m256 b) {
  return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}
// These two keep to the halves.
inline __m256 fold_pairs(__m256 a, __m256 b) {
  const __m256d first = _mm256_castps_pd(a), second = _mm256_castps_pd(b);
  return _mm256_add_ps(_mm256_castpd_ps(_mm256_unpacklo_pd(first, second)),
                       _mm256_castpd_ps(_mm256_unpackhi_pd(first, second)));
}
inline __m256 fold_last(__m256 a, __m256 b) {
  return _mm256_add_ps(_mm256_shuffle_ps(a, b, 0x88), _mm256_shuffle_ps(a, b, 0xdd));
}

// Lane i is fold(x[i]).
inline Vec fold_each(const Vec* x) {
  // Half i comes from the vectors 4 i to 4 i + 3.
  __m256 half[4];
  for (int j = 0; j < 4; j++) half[j] = fold_halves(x[j].v, x[4 + j].v);
  return {fold_last(fold_pairs(half[0], half[1]), fold_pairs(half[2], half[3]))};
}

// to[j][i] = from[i][j] for a square of kWidth: pairs, then quads, then halves change places.
inline void transpose(const float* from, long long from_stride, float* to, long long to_stride) {
  __m256 row[8], pair[8], quad[8];
  for (int i = 0; i < 8; i++) row[i] = _mm256_loadu_ps(from + i * from_stride);
  for (int i = 0; i < 8; i += 2) {
    pair[i] = _mm256_unpacklo_ps(row[i], row[i + 1]);
    pair[i + 1] = _mm256_unpackhi_ps(row[i], row[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    quad[i] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0x44);
    quad[i + 1] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0xee);
    quad[i + 2] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0x44);
    quad[i + 3] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0xee);
  }
  for (int i = 0; i < 4; i++) {
    _mm256_storeu_ps(to + i * to_stride, _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x20));
    _mm256_storeu_ps(to + (i + 4) * to_stride, _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x31));
  }
}

// p * 2^n for an integral n in [-150, 129], rounded once: the first product is exact.
inline Vec scale_by_power(Vec p, Vec n) {
  const __m256i whole = _mm256_cvtps_epi32(n.v);
  const __m256i half = _mm256_srai_epi32(whole, 1);
  const __m256i bias = _mm256_set1_epi32(127);
  const __m256i first = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
  const __m256i second = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(whole, half), bias), 23);
  return {_mm256_mul_ps(_mm256_mul_ps(p.v, _mm256_castsi256_ps(first)), _mm256_castsi256_ps(second))};
}

// Whether |x| is at most 87 in all lanes, where e^x is normal, by z = -|x|.
inline bool has_normal_exp(Vec z) {
  return _mm256_movemask_ps(_mm256_cmp_ps(z.v, _mm256_set1_ps(-87.0f), _CMP_NGE_UQ)) == 0;
}

// p * 2^n where that is normal, for the sum of n and 1.5 * 2^23, whose last bits are those of n.
inline Vec add_to_exponent(Vec p, Vec sum) {
  const __m256i exponent = _mm256_slli_epi32(_mm256_castps_si256(sum.v), 23);
  return {_mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p.v), exponent))};
}

// x = m * 2^e with m in [sqrt(1/2), sqrt(2)), for a positive normal x.
inline void decompose(Vec x, Vec& m, Vec& e) {
  const __m256i bits = _mm256_castps_si256(x.v);
  const __m256i exponent = _mm256_srai_epi32(_mm256_sub_epi32(bits, _mm256_set1_epi32(0x3f3504f3)), 23);
  m.v = _mm256_castsi256_ps(_mm256_sub_epi32(bits, _mm256_slli_epi32(exponent, 23)));
  e.v = _mm256_cvtepi32_ps(exponent);
}

}  // namespace f32

namespace f64 {

struct Vec {
  __m256d v;
};
struct Mask {
  __m256d v;
};

constexpr int kWidth = 4;
constexpr int kRegisters = 16;
constexpr double kSmallestNormal = 0x1p-1022;
constexpr int kTileVecs = 2;

inline __m256i lane_mask(long long count) {
  return _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3));
}

inline double mul_add(double a, double b, double c) { return a * b + c; }
inline Vec load(const double* p) { return {_mm256_loadu_pd(p)}; }
inline Vec load(const double* p, long long count) { return {_mm256_maskload_pd(p, lane_mask(count))}; }
inline Vec load_masked(const double* p, long long count) { return load(p, count); }
inline void store(double* p, Vec x) { _mm256_storeu_pd(p, x.v); }
inline void store(double* p, Vec x, long long count) { _mm256_maskstore_pd(p, lane_mask(count), x.v); }
inline Vec broadcast(double x) { return {_mm256_set1_pd(x)}; }
inline Vec operator+(Vec a, Vec b) { return {_mm256_add_pd(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {_mm256_sub_pd(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {_mm256_mul_pd(a.v, b.v)}; }
inline Vec operator/(Vec a, Vec b) { return {_mm256_div_pd(a.v, b.v)}; }
inline Vec operator-(Vec a) { return {-a.v}; }
inline Vec mul_add(Vec a, Vec b, Vec c) { return {_mm256_add_pd(_mm256_mul_pd(a.v, b.v), c.v)}; }
inline Vec sqrt(Vec a) { return {_mm256_sqrt_pd(a.v)}; }
inline Vec abs(Vec a) { return {_mm256_andnot_pd(_mm256_set1_pd(-0.0), a.v)}; }
inline Vec copysign(Vec magnitude, Vec sign) {
  const __m256d bit = _mm256_set1_pd(-0.0);
  return {_mm256_or_pd(_mm256_andnot_pd(bit, magnitude.v), _mm256_and_pd(bit, sign.v))};
}
inline Mask operator<(Vec a, Vec b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_LT_OQ)}; }
inline Mask operator<=(Vec a, Vec b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_LE_OQ)}; }
inline Mask operator>(Vec a, Vec b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_GT_OQ)}; }
inline Mask operator>=(Vec a, Vec b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_GE_OQ)}; }
inline Mask is_nan(Vec a) { return {_mm256_cmp_pd(a.v, a.v, _CMP_UNORD_Q)}; }
inline Mask first_lanes(long long count) { return {_mm256_castsi256_pd(lane_mask(count))}; }
inline Vec select(Mask m, Vec a, Vec b) { return {_mm256_blendv_pd(b.v, a.v, m.v)}; }
inline Vec cleared(Mask m, Vec x) { return {_mm256_andnot_pd(m.v, x.v)}; }
inline Vec at_most(Vec x, Vec limit) { return {_mm256_min_pd(limit.v, x.v)}; }
inline Vec at_least(Vec x, Vec limit) { return {_mm256_max_pd(limit.v, x.v)}; }
inline bool any_nan(Vec a) { return _mm256_movemask_pd(is_nan(a).v) != 0; }
// Lane j takes in lane j + 2, + 1.
inline double fold(Vec x) {
  const __m128d pair = _mm_add_pd(_mm256_castpd256_pd128(x.v), _mm256_extractf128_pd(x.v, 1));
  return _mm_cvtsd_f64(_mm_add_sd(pair, _mm_unpackhi_pd(pair, pair)));
}

// Lane i is fold(x[i]).
inline Vec fold_each(const Vec* x) {
  // Half i comes from the vectors 2 i and 2 i + 1.
  __m256d half[2];
  for (int j = 0; j < 2; j++) {
    const __m256d a = x[j].v, b = x[2 + j].v;
    half[j] = _mm256_add_pd(_mm256_permute2f128_pd(a, b, 0x20), _mm256_permute2f128_pd(a, b, 0x31));
  }
  return {_mm256_add_pd(_mm256_unpacklo_pd(half[0], half[1]), _mm256_unpackhi_pd(half[0], half[1]))};
}

// to[j][i] = from[i][j] for a square of kWidth: pairs, then halves change places.
inline void transpose(const double* from, long long from_stride, double* to, long long to_stride) {
  __m256d row[4], pair[4];
  for (int i = 0; i < 4; i++) row[i] = _mm256_loadu_pd(from + i * from_stride);
  for (int i = 0; i < 4; i += 2) {
    pair[i] = _mm256_unpacklo_pd(row[i], row[i + 1]);
    pair[i + 1] = _mm256_unpackhi_pd(row[i], row[i + 1]);
  }
  for (int i = 0; i < 2; i++) {
    _mm256_storeu_pd(to + i * to_stride, _mm256_permute2f128_pd(pair[i], pair[i + 2], 0x20));
    _mm256_storeu_pd(to + (i + 2) * to_stride, _mm256_permute2f128_pd(pair[i], pair[i + 2], 0x31));
  }
}

// p * 2^n for an integral n in [-1076, 1025], rounded once: the first product is exact.
inline Vec scale_by_power(Vec p, Vec n) {
  const __m128i whole = _mm256_cvtpd_epi32(n.v);
  const __m128i half = _mm_srai_epi32(whole, 1);
  const __m128i bias = _mm_set1_epi32(1023);
  const __m256i first = _mm256_slli_epi64(_mm256_cvtepi32_epi64(_mm_add_epi32(half, bias)), 52);
  const __m256i second = _mm256_slli_epi64(_mm256_cvtepi32_epi64(_mm_add_epi32(_mm_sub_epi32(whole, half), bias)), 52);
  return {_mm256_mul_pd(_mm256_mul_pd(p.v, _mm256_castsi256_pd(first)), _mm256_castsi256_pd(second))};
}

// x = m * 2^e with m in [sqrt(1/2), sqrt(2)), for a positive normal x.
inline void decompose(Vec x, Vec& m, Vec& e) {
  const __m256i bits = _mm256_castpd_si256(x.v);
  // Biased by 1024, so that a logical shift serves: AVX2 has no arithmetic one of 64 bits.
  const __m256i above = _mm256_set1_epi64x(0x3fe6a09e667f3bcd - (1024LL << 52));
  const __m256i exponent = _mm256_srli_epi64(_mm256_sub_epi64(bits, above), 52);
  const __m256i unbiased = _mm256_sub_epi64(exponent, _mm256_set1_epi64x(1024));
  m.v = _mm256_castsi256_pd(_mm256_sub_epi64(bits, _mm256_slli_epi64(unbiased, 52)));
  // 2^52 + exponent as a pattern.
  const __m256d shifted = _mm256_castsi256_pd(_mm256_or_si256(exponent, _mm256_set1_epi64x(0x4330000000000000)));
  e.v = _mm256_sub_pd(shifted, _mm256_set1_pd(0x1p52 + 1024.0));
}

}  // namespace f64
