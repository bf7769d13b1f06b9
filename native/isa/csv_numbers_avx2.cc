// Records of plain numbers and texts for x86-64 with AVX2. Only plain functions on plain memory (docs/architecture.md).
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "../csv_block.h"
#include "../csv_decimal.h"
#include "../csv_numbers.h"

namespace hadamard::avx2 {
namespace {

constexpr std::uint64_t power_of_minus_18 =
    decimal::powers_of_five[static_cast<std::size_t>(-18 - decimal::least_power)].high;
// Of the double whose leading bit is bit 63 of a mantissa; and of 10^-18.
constexpr std::uint64_t exponent_of_minus_18 = ((217706 * -18) >> 16) + 63 + 1023;
constexpr std::uint64_t ten_to_18 = 1'000'000'000'000'000'000;

// Its own: those of csv_decimal.h would be symbols for the linker to merge.
constexpr std::uint64_t powers_of_ten[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
constexpr double exact_powers_of_ten[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8};

// Bytes whose ends of fields are found at a time, at most. The first are few: where every other record is anything but plain
// numbers, what was found behind it would be found anew for each.
constexpr std::size_t first_chunk = 256, chunk = 2048;

inline double double_of(std::uint64_t bits) {
  double value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

inline std::uint64_t bits_of(double value) {
  std::uint64_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline std::uint64_t load_word(const std::uint8_t* at) {
  std::uint64_t word;
  __builtin_memcpy(&word, at, sizeof word);
  return word;
}

inline std::size_t first_bit(std::uint64_t bits) { return static_cast<std::size_t>(__builtin_ctzll(bits)); }

constexpr std::uint64_t zeros_text = 0x3030303030303030;

// The first `count` bytes of a word, from 1 to 8, as values of digits behind zeros.
inline std::uint64_t values_of(std::uint64_t word, std::size_t count) {
  return (word ^ zeros_text) << (64 - 8 * count);
}

// The high bit of every byte above 9.
inline std::uint64_t others_of(std::uint64_t values) {
  constexpr std::uint64_t high_bits = 0x8080808080808080;
  return (((values & ~high_bits) + 0x7676767676767676) | values) & high_bits;
}

inline std::uint64_t eight_digits(std::uint64_t values) {
  values = values * 2561 >> 8;
  values = (values & 0x00FF00FF00FF00FF) * 6553601 >> 16;
  return (values & 0x0000FFFF0000FFFF) * 42949672960001 >> 32;
}

alignas(64) constexpr std::uint8_t sliding_mask[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                                       255, 255, 255, 255, 255, 255, 255, 255};

// 16 bytes as digits, of which the last `zeros` count as zeros. False where one of the others is no digit.
inline bool sixteen_digits(const std::uint8_t* at, std::size_t zeros, std::uint64_t& digits) {
  const __m128i mask = _mm_loadu_si128(reinterpret_cast<const __m128i*>(sliding_mask + zeros));
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i values = _mm_and_si128(_mm_xor_si128(bytes, _mm_set1_epi8('0')), mask);
  const __m128i excess = _mm_subs_epu8(values, _mm_set1_epi8(9));
  const __m128i pairs = _mm_maddubs_epi16(values, _mm_set1_epi16(0x010A));
  const __m128i fours = _mm_madd_epi16(pairs, _mm_set1_epi32(0x00010064));
  const __m128i packed = _mm_packus_epi32(fours, fours);
  const __m128i eights = _mm_madd_epi16(packed, _mm_set1_epi32(0x00012710));
  const auto both = static_cast<std::uint64_t>(_mm_cvtsi128_si64(eights));
  digits = (both & 0xFFFFFFFF) * 100000000 + (both >> 32);
  return _mm_testz_si128(excess, excess) != 0;
}

// A number of one digit before the point and up to 18 behind it, as programs write most; false for another.
inline bool read_unit_number(const std::uint8_t* first, std::size_t length, double& value) {
  const std::uint8_t* const fraction = first + 2;
  const std::size_t decimals = length - 2;
  const std::uint64_t unit = first[0] - std::uint64_t{'0'};
  std::uint64_t sixteen = 0;
  if (!sixteen_digits(fraction, decimals < 16 ? 16 - decimals : 0, sixteen)) return false;
  // Read whether they are there or not, so that no branch decides.
  const std::uint64_t nine = (fraction[16] - std::uint64_t{'0'}) & -static_cast<std::uint64_t>(decimals > 16);
  const std::uint64_t ten = (fraction[17] - std::uint64_t{'0'}) & -static_cast<std::uint64_t>(decimals > 17);
  const std::uint64_t mantissa = unit * ten_to_18 + sixteen * 100 + nine * 10 + ten;
  if (unit > 9 || nine > 9 || ten > 9 || mantissa == 0) return false;
  // As decimal::to_double: with this exponent nothing is subnormal, infinite or half way between two doubles.
  const auto zeros = static_cast<std::uint64_t>(__builtin_clzll(mantissa));
  const auto high =
      static_cast<std::uint64_t>(static_cast<unsigned __int128>(mantissa << zeros) * power_of_minus_18 >> 64);
  if ((high & 0x1FF) == 0x1FF) return false;
  const std::uint64_t upper_bit = high >> 63;
  const std::uint64_t bits = high >> (upper_bit + 9);
  // Rounded; a carry out of the 53 bits adds one to the exponent by itself.
  value = double_of(((bits + (bits & 1)) >> 1) + ((exponent_of_minus_18 - 1 + upper_bit - zeros) << 52));
  return true;
}

// The number mantissa / 10^decimals, both exact, so that the division rounds once.
inline double divided(std::uint64_t mantissa, std::size_t decimals) {
  return static_cast<double>(static_cast<std::int64_t>(mantissa)) / exact_powers_of_ten[decimals];
}

// The same with up to 8 digits behind the point.
inline bool read_short_unit_number(const std::uint8_t* first, std::size_t length, double& value) {
  const std::size_t decimals = length - 2;
  const std::uint64_t unit = first[0] - std::uint64_t{'0'};
  const std::uint64_t behind = values_of(load_word(first + 2), decimals);
  if (unit > 9 || others_of(behind) != 0) return false;
  value = divided(unit * powers_of_ten[decimals] + eight_digits(behind), decimals);
  return true;
}

// An integer of up to 8 digits, or a number of up to 7 before a point and 8 behind it; false for another.
inline bool read_short_number(const std::uint8_t* first, std::size_t length, double& value) {
  const std::uint64_t head = load_word(first);
  if (length <= 8) {
    const std::uint64_t values = values_of(head, length);
    if (others_of(values) == 0) {
      value = static_cast<double>(static_cast<std::int64_t>(eight_digits(values)));
      return true;
    }
  }
  const std::size_t whole = first_bit(others_of(head ^ zeros_text) | std::uint64_t{1} << 63) / 8;
  const std::size_t decimals = length - whole - 1;
  if (whole == 0 || decimals > 8 || decimals == 0 || first[whole] != '.') return false;
  const std::uint64_t behind = values_of(load_word(first + whole + 1), decimals);
  if (others_of(behind) != 0) return false;
  value = divided(eight_digits(values_of(head, whole)) * powers_of_ten[decimals] + eight_digits(behind),
                  decimals);
  return true;
}

inline void store(const CsvTarget& target, std::size_t row, double value) {
  if (target.is_float32) {
    static_cast<float*>(target.values)[row * target.stride] = static_cast<float>(value);
  } else {
    static_cast<double*>(target.values)[row * target.stride] = value;
  }
}

// Apart from the rest, so that the values of that stay in registers.
__attribute__((noinline)) bool read_general(const std::uint8_t* at, const std::uint8_t* end, const CsvTarget& target,
                                            std::size_t row) {
  double value = 0;
  if (!read_plain_number(at, value) || at != end) return false;
  store(target, row, value);
  return true;
}

// The number in [at, end) to its place. Neither signs nor lengths can be foretold, so nothing branches on them but their
// ranges.
[[gnu::always_inline]] inline bool read_number(const std::uint8_t* at, const std::uint8_t* end, const CsvTarget& target, std::size_t row) {
  const std::uint64_t is_negative = *at == '-' ? 1 : 0;
  const std::uint8_t* const first = at + is_negative;
  const auto length = static_cast<std::size_t>(end - first);
  double value = 0;
  bool is_read = false;
  if (length - 3 <= 20 - 3 && first[1] == '.') {
    is_read = length <= 10 ? read_short_unit_number(first, length, value) : read_unit_number(first, length, value);
  } else if (length - 1 <= 16 - 1) {
    is_read = read_short_number(first, length, value);
  }
  if (!is_read) return read_general(at, end, target, row);
  store(target, row, double_of(bits_of(value) | is_negative << 63));
  return true;
}

// Bytes of 64 that mean something; a bit for each.
struct Marks {
  std::uint64_t ends;  // delimiters and line ends
  std::uint64_t quotes;
};

inline std::uint64_t mask_of(__m256i bytes) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm256_movemask_epi8(bytes)));
}

template <bool has_quotes>
inline Marks marks_of(const std::uint8_t* at, __m256i delimiters) {
  Marks marks{0, 0};
  for (int half = 0; half < 2; ++half) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 32 * half));
    const __m256i feeds = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\n'));
    const __m256i returns = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\r'));
    const __m256i found = _mm256_or_si256(_mm256_or_si256(feeds, returns), _mm256_cmpeq_epi8(bytes, delimiters));
    marks.ends |= mask_of(found) << 32 * half;
    if (has_quotes) marks.quotes |= mask_of(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"'))) << 32 * half;
  }
  return marks;
}

// What the quotes of the bytes so far mean for the next ones.
struct Quotes {
  std::uint64_t inside = 0;    // all bits, within quotes
  std::uint64_t may_open = 1;  // bit 0: behind a delimiter, a line end or a quote
  std::uint64_t closed = 0;    // bit 0: behind a quote that closes
  bool are_plain = true;       // each opens where a field starts and closes where it ends, or stands beside another
  bool are_doubled = false;    // one opens behind one that closes somewhere, as in "5"" tall"
};

// Takes the ends within quotes out of the marks.
inline void hide_quoted(Marks& marks, Quotes& quotes) {
  if ((marks.quotes | quotes.inside | quotes.closed) == 0) {
    quotes.may_open = marks.ends >> 63;
    return;
  }
  std::uint64_t inside = marks.quotes;
  for (int shift = 1; shift < 64; shift *= 2) inside ^= inside << shift;
  inside ^= quotes.inside;
  const std::uint64_t bounds = marks.ends | marks.quotes;
  const std::uint64_t closing = marks.quotes & ~inside;
  const std::uint64_t behind_bounds = bounds << 1 | quotes.may_open;
  const std::uint64_t behind_closing = closing << 1 | quotes.closed;
  if (((marks.quotes & inside & ~behind_bounds) | (behind_closing & ~bounds)) != 0) quotes.are_plain = false;
  if ((marks.quotes & inside & behind_closing) != 0) quotes.are_doubled = true;
  quotes.inside = inside >> 63 != 0 ? ~std::uint64_t{0} : 0;
  quotes.may_open = bounds >> 63;
  quotes.closed = closing >> 63;
  marks.ends &= ~inside;
}

// The offsets of the ends of fields in the next bytes, at most `chunk`, and how many they are. Writes up to 4 too many. Stops
// at quotes that are not plain.
template <bool has_quotes>
std::size_t find_ends(const std::uint8_t* from, std::size_t length, std::uint8_t delimiter, std::uint32_t* ends,
                      Quotes& quotes) {
  const __m256i delimiters = _mm256_set1_epi8(static_cast<char>(delimiter));
  std::uint32_t* to = ends;
  for (std::size_t offset = 0; offset < length; offset += 64) {
    Marks marks = marks_of<has_quotes>(from + offset, delimiters);
    if (length - offset < 64) {
      const std::uint64_t there = (std::uint64_t{1} << (length - offset)) - 1;
      marks = {marks.ends & there, marks.quotes & there};
    }
    if (has_quotes) {
      hide_quoted(marks, quotes);
      if (!quotes.are_plain) break;
    }
    std::uint64_t left = marks.ends;
    std::uint32_t* const next = to + __builtin_popcountll(left);
    // By fours, as their number is hard to foretell; what stands behind the last is overwritten, but has to be defined.
    constexpr std::uint64_t none_left = std::uint64_t{1} << 63;
    while (to < next) {
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        to[i] = static_cast<std::uint32_t>(offset + first_bit(left | none_left));
        left &= left - 1;
      }
      to += 4;
    }
    to = next;
  }
  return static_cast<std::size_t>(to - ends);
}

// From `CsvTextHead::bytes - length` on: as many set bytes as a text has, then clear ones.
alignas(64) constexpr std::uint8_t head_mask[2 * CsvTextHead::bytes] = {
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

inline std::uint64_t word_of(__m128i words, int high) {
  return static_cast<std::uint64_t>(high != 0 ? _mm_extract_epi64(words, 1) : _mm_cvtsi128_si64(words));
}

// The code of a text that the table has; below 0 for others.
inline std::int32_t find_code(const CsvTextTable& table, const std::uint8_t* text, std::size_t length) {
  if (length > CsvTextHead::bytes || table.slots == nullptr) return -1;
  const __m256i mask =
      _mm256_loadu_si256(reinterpret_cast<const __m256i*>(head_mask + CsvTextHead::bytes - length));
  const __m256i head = _mm256_and_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(text)), mask);
  const __m128i low = _mm256_castsi256_si128(head), high = _mm256_extracti128_si256(head, 1);
  const std::uint64_t hash =
      csv_text_hash(word_of(low, 0), word_of(low, 1), word_of(high, 0), word_of(high, 1), length);
  for (std::size_t place = hash & table.mask;; place = (place + 1) & table.mask) {
    const CsvTextSlot& slot = table.slots[place];
    if (slot.code < 0) return -1;
    const __m256i other = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(table.heads + slot.code));
    const __m256i difference = _mm256_xor_si256(head, other);
    if (slot.length == length && _mm256_testz_si256(difference, difference) != 0) return slot.code;
  }
}

inline bool has_quote(const std::uint8_t* at, const std::uint8_t* end) {
  while (at < end && *at != '"') at++;
  return at < end;
}

// The text in [at, end), which is not empty; false where it is not plain. Blanks around one are no part of it.
inline bool read_text(const std::uint8_t* at, const std::uint8_t* end, bool may_be_doubled, const CsvTarget& target,
                      std::size_t column, std::size_t row, const TextCodes& codes) {
  if (*at == '"') {
    at++;
    end--;
    if (may_be_doubled && has_quote(at, end)) return false;
  } else if (*at <= ' ' || end[-1] <= ' ') {
    return false;
  }
  if (target.kind == CsvKind::skip) return true;
  const auto length = static_cast<std::size_t>(end - at);
  std::int32_t code = find_code(codes.tables[column], at, length);
  if (code < 0) code = codes.code_of(codes.owner, column, at, length);
  static_cast<std::int32_t*>(target.values)[row * target.stride] = code;
  return code >= 0;
}

inline bool is_number(CsvKind kind) { return kind == CsvKind::numeric || kind == CsvKind::find; }

// The field in [at, end).
template <bool has_texts>
inline bool read_field(const std::uint8_t* at, const std::uint8_t* end, bool may_be_doubled, const CsvTarget* targets,
                       const CsvTarget& target, std::size_t row, const TextCodes& codes) {
  if (!has_texts || is_number(target.kind)) return read_number(at, end, target, row);
  return at < end && read_text(at, end, may_be_doubled, target, static_cast<std::size_t>(&target - targets), row, codes);
}

template <bool has_texts>
inline NumberRows read_rows(const std::uint8_t* at, const std::uint8_t* limit, std::uint8_t delimiter,
                            const CsvTarget* targets, std::size_t width, std::size_t row, std::size_t capacity,
                            const TextCodes& codes) {
  NumberRows result{0, at};
  std::uint32_t ends[chunk + 4];
  const CsvTarget* const last = targets + width - 1;
  const CsvTarget* target = targets;
  const std::uint8_t* start = at;
  std::size_t step = first_chunk;
  Quotes quotes;
  for (const std::uint8_t* from = at; from < limit && quotes.are_plain;
       from += step, step = step < chunk ? 2 * step : chunk) {
    const auto left = static_cast<std::size_t>(limit - from);
    const std::size_t count = find_ends<has_texts>(from, left < step ? left : step, delimiter, ends, quotes);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint8_t* const end = from + ends[i];
      // The LF of the CR LF before.
      if (end < start) continue;
      if (!read_field<has_texts>(start, end, quotes.are_doubled, targets, *target, row, codes)) return result;
      start = end + 1;
      const bool is_delimiter = *end == delimiter;
      if (is_delimiter == (target == last)) return result;
      target++;
      if (is_delimiter) continue;
      if (*end == '\r' && start < limit && *start == '\n') start++;
      target = targets;
      result.at = start;
      row++;
      if (++result.rows == capacity) return result;
    }
  }
  return result;
}

}  // namespace

NumberRows read_number_rows(const std::uint8_t* at, const std::uint8_t* limit, std::uint8_t delimiter,
                            const CsvTarget* targets, std::size_t width, std::size_t row, std::size_t capacity) {
  return read_rows<false>(at, limit, delimiter, targets, width, row, capacity, {});
}

NumberRows read_plain_rows(const std::uint8_t* at, const std::uint8_t* limit, std::uint8_t delimiter,
                           const CsvTarget* targets, std::size_t width, std::size_t row, std::size_t capacity,
                           const TextCodes& codes) {
  return read_rows<true>(at, limit, delimiter, targets, width, row, capacity, codes);
}

}  // namespace hadamard::avx2
