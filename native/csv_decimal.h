// Decimal digits to the nearest double. For every token that is not a hard case two multiplications decide; what they
// cannot decide is left to csv_number.cc.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace hadamard::decimal {

constexpr int least_power = -342;
constexpr int most_power = 308;

struct Words {
  std::uint64_t high, low;
};

// The first 128 bits of 5^q for q in [least_power, most_power]: rounded down for powers from 0 on, up for the others, as
// the proof of the method wants them. By 32-bit limbs, because 128-bit division is not to be had everywhere.
constexpr std::array<Words, most_power - least_power + 1> make_powers_of_five() {
  constexpr int limbs = 32;
  std::array<Words, most_power - least_power + 1> powers{};
  const auto leading_words = [](const std::array<std::uint32_t, limbs>& number) {
    int top = limbs - 1;
    while (number[static_cast<std::size_t>(top)] == 0) top--;
    const int shift = std::countl_zero(number[static_cast<std::size_t>(top)]);
    std::uint64_t words[2] = {};
    for (int i = 0; i < 4; ++i) {
      const std::uint64_t here = top - i >= 0 ? number[static_cast<std::size_t>(top - i)] : 0;
      const std::uint64_t next = top - i - 1 >= 0 ? number[static_cast<std::size_t>(top - i - 1)] : 0;
      const std::uint64_t limb = ((here << 32 | next) << shift) >> 32;
      words[i / 2] = words[i / 2] << 32 | limb;
    }
    return Words{words[0], words[1]};
  };
  std::array<std::uint32_t, limbs> number{1};
  for (int q = 0; q <= most_power; ++q) {
    powers[static_cast<std::size_t>(q - least_power)] = leading_words(number);
    std::uint64_t carry = 0;
    for (std::uint32_t& limb : number) {
      carry += std::uint64_t{limb} * 5;
      limb = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
  }
  // 2^1023 / 5^n by repeated floors, which is the floor of the whole; 228 bits remain at the least power.
  number = {};
  number[limbs - 1] = std::uint32_t{1} << 31;
  for (int q = -1; q >= least_power; --q) {
    std::uint64_t remainder = 0;
    for (int i = limbs - 1; i >= 0; --i) {
      remainder = remainder << 32 | number[static_cast<std::size_t>(i)];
      number[static_cast<std::size_t>(i)] = static_cast<std::uint32_t>(remainder / 5);
      remainder %= 5;
    }
    Words words = leading_words(number);
    if (++words.low == 0) ++words.high;
    powers[static_cast<std::size_t>(q - least_power)] = words;
  }
  return powers;
}

inline constexpr std::array<Words, most_power - least_power + 1> powers_of_five = make_powers_of_five();

inline constexpr double exact_powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                                 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

inline Words product_of(std::uint64_t a, std::uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return {static_cast<std::uint64_t>(product >> 64), static_cast<std::uint64_t>(product)};
}

// mantissa × 10^exponent, rounded once to the nearest double. False where that is subnormal, infinite or undecided.
// Source: Lemire 2021, "Number parsing at a gigabyte per second", algorithm 1; Clinger 1990 for the exact case.
inline bool to_double(std::uint64_t mantissa, std::int64_t exponent, double& value) {
  if (mantissa <= std::uint64_t{1} << 53 && exponent >= -22 && exponent <= 22) {
    // Both the integer and the power of ten are exact, so one operation rounds once.
    value = static_cast<double>(mantissa);
    value = exponent < 0 ? value / exact_powers_of_ten[-exponent] : value * exact_powers_of_ten[exponent];
    return true;
  }
  if (mantissa == 0) {
    value = 0;
    return true;
  }
  if (exponent < least_power || exponent > most_power) return false;
  const int zeros = std::countl_zero(mantissa);
  mantissa <<= zeros;
  const Words& power = powers_of_five[static_cast<std::size_t>(exponent - least_power)];
  Words product = product_of(mantissa, power.high);
  if ((product.high & 0x1FF) == 0x1FF) {
    const Words lower = product_of(mantissa, power.low);
    product.low += lower.high;
    if (product.low < lower.high) product.high++;
    if (product.low == ~std::uint64_t{0} && (exponent < -27 || exponent > 55)) return false;
  }
  const int upper_bit = static_cast<int>(product.high >> 63);
  const int shift = upper_bit + 9;
  std::uint64_t bits = product.high >> shift;
  std::int64_t binary_exponent = ((217706 * exponent) >> 16) + 63 + upper_bit - zeros + 1023;
  if (binary_exponent <= 0) return false;
  // Half way between two doubles, which only small powers reach: the even one.
  if (product.low <= 1 && exponent >= -4 && exponent <= 23 && (bits & 3) == 1 && bits << shift == product.high) {
    bits &= ~std::uint64_t{1};
  }
  bits += bits & 1;
  bits >>= 1;
  if (bits >= std::uint64_t{1} << 53) {
    bits = std::uint64_t{1} << 52;
    binary_exponent++;
  }
  if (binary_exponent >= 0x7FF) return false;
  bits = (bits & ~(std::uint64_t{1} << 52)) | static_cast<std::uint64_t>(binary_exponent) << 52;
  std::memcpy(&value, &bits, sizeof value);
  return true;
}

inline std::uint64_t load_word(const std::uint8_t* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// The high bit of every byte that is no digit; bytes above the first such one may be marked wrongly.
inline std::uint64_t not_digits(std::uint64_t word) {
  constexpr std::uint64_t ones = 0x0101010101010101;
  const std::uint64_t values = word ^ (ones * '0');
  return (values | (values + ones * 0x76)) & (ones * 0x80);
}

// The number of eight digits, the first in the lowest byte.
inline std::uint64_t eight_digits(std::uint64_t word) {
  word = (word & 0x0F0F0F0F0F0F0F0F) * 2561 >> 8;
  word = (word & 0x00FF00FF00FF00FF) * 6553601 >> 16;
  return (word & 0x0000FFFF0000FFFF) * 42949672960001 >> 32;
}

inline constexpr std::uint64_t small_powers_of_ten[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

// Reads on over digits. Reads up to 8 bytes behind them.
inline const std::uint8_t* read_digits(const std::uint8_t* at, std::uint64_t& mantissa) {
  for (;;) {
    const std::uint64_t word = load_word(at);
    const std::uint64_t stops = not_digits(word);
    if (stops == 0) {
      mantissa = mantissa * 100000000 + eight_digits(word);
      at += 8;
      continue;
    }
    const int digits = std::countr_zero(stops) / 8;
    // Shifted so that the digits are the last of eight, behind zeros.
    if (digits > 0) mantissa = mantissa * small_powers_of_ten[digits] + eight_digits(word << (64 - 8 * digits));
    return at + digits;
  }
}

// Zeros before the first other digit, across a point.
inline std::ptrdiff_t leading_zeros(const std::uint8_t* at) {
  std::ptrdiff_t zeros = 0;
  for (; *at == '0' || *at == '.'; ++at) zeros += *at == '0' ? 1 : 0;
  return zeros;
}

// Reads a number from bytes that are readable for 8 beyond its end, and moves `at` behind it. False where there is none or
// the fast path cannot tell its value; then `at` means nothing. What stands behind the number is the caller's business.
inline bool read_number(const std::uint8_t*& at, double& value) {
  const std::uint8_t* here = at;
  // Signs are as good as random, so nothing may branch on them.
  const std::uint64_t is_negative = *here == '-' ? 1 : 0;
  here += is_negative;
  std::uint64_t mantissa = 0;
  const std::uint8_t* const first = here;
  // Most numbers have one or two digits before the point.
  while (static_cast<std::uint8_t>(*here - '0') < 10) mantissa = mantissa * 10 + static_cast<std::uint64_t>(*here++ - '0');
  std::ptrdiff_t digits = here - first;
  std::int64_t exponent = 0;
  if (*here == '.') {
    const std::uint8_t* const fraction = ++here;
    here = read_digits(here, mantissa);
    exponent = fraction - here;
    digits -= exponent;
  }
  // More than 19 digits may have overflown the mantissa, but for zeros that lead them.
  if (digits > 19) digits -= leading_zeros(first);
  if (digits == 0 || digits > 19) return false;
  if ((*here | 0x20) == 'e') {
    here++;
    const bool is_small = *here == '-';
    if (is_small || *here == '+') here++;
    const std::uint8_t* const start = here;
    std::uint64_t written = 0;
    while (static_cast<std::uint8_t>(*here - '0') < 10) written = written * 10 + static_cast<std::uint64_t>(*here++ - '0');
    if (here == start || here - start > 4) return false;
    exponent += is_small ? -static_cast<std::int64_t>(written) : static_cast<std::int64_t>(written);
  }
  if (!to_double(mantissa, exponent, value)) return false;
  value = std::bit_cast<double>(std::bit_cast<std::uint64_t>(value) | is_negative << 63);
  at = here;
  return true;
}

}  // namespace hadamard::decimal
