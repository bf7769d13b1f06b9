// Reads one decimal number, rounded once and whatever the locale; the twin of src/data/csv-number.ts.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "csv.h"
#include "csv_decimal.h"

#if !defined(__cpp_lib_to_chars) || defined(HADAMARD_WITHOUT_FROM_CHARS)
#include <clocale>
#include <cstdlib>
#if defined(__APPLE__)
#include <xlocale.h>
#endif
#endif

namespace hadamard {
namespace {

constexpr std::int64_t exponent_limit = 1'000'000'000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// What a scan of the token learns: digits × 10^exponent.
struct Scan {
  std::uint64_t mantissa = 0;     // the first 19 significant digits
  std::int64_t significant = 0;   // how many there are in all; zeros that lead may count where that is at most 19
  std::int64_t exponent = 0;      // of the last digit
  bool is_number = false;
};

bool scan_exponent(const char* at, const char* end, std::int64_t& exponent) {
  if (*at != 'e' && *at != 'E') return false;
  at++;
  const bool is_negative = at < end && *at == '-';
  if (at < end && (*at == '-' || *at == '+')) at++;
  if (at == end) return false;
  std::int64_t written = 0;
  for (; at < end; at++) {
    if (!is_digit(*at)) return false;
    written = std::min(written * 10 + (*at - '0'), exponent_limit);
  }
  exponent += is_negative ? -written : written;
  return true;
}

// Reads on over digits; the mantissa wraps where there are more than 19 in all.
const char* scan_digits(const char* at, const char* end, std::uint64_t& mantissa) {
  for (; at < end && is_digit(*at); at++) mantissa = mantissa * 10 + static_cast<std::uint64_t>(*at - '0');
  return at;
}

// Digits without the zeros that lead them; `mantissa` becomes right where 19 or fewer remain.
void count_significant(const char* begin, const char* end, Scan& result) {
  result.mantissa = 0;
  for (const char* at = begin; at < end; at++) {
    if (*at == '.' || (result.significant == 0 && *at == '0')) continue;
    if (result.significant++ < 19) result.mantissa = result.mantissa * 10 + static_cast<std::uint64_t>(*at - '0');
  }
}

Scan scan(const char* begin, const char* end) {
  Scan result;
  const char* at = scan_digits(begin, end, result.mantissa);
  std::ptrdiff_t digits = at - begin;
  if (at < end && *at == '.') {
    const char* const fraction = at + 1;
    at = scan_digits(fraction, end, result.mantissa);
    digits += at - fraction;
    result.exponent = fraction - at;
  }
  if (digits > 19) {
    count_significant(begin, at, result);
  } else {
    result.significant = result.mantissa == 0 ? 0 : digits;
  }
  result.is_number = digits > 0 && (at == end || scan_exponent(at, end, result.exponent));
  return result;
}

// The number of an unsigned token that is known to be one, correctly rounded.
double slow_number(const char* begin, const char* end, const Scan& scanned) {
#if defined(__cpp_lib_to_chars) && !defined(HADAMARD_WITHOUT_FROM_CHARS)
  double value = 0;
  if (std::from_chars(begin, end, value).ec == std::errc{}) return value;
  return scanned.significant + scanned.exponent > 0 ? std::numeric_limits<double>::infinity() : 0.0;
#elif defined(_WIN32)
  (void)scanned;
  static const _locale_t plain = _create_locale(LC_NUMERIC, "C");
  return _strtod_l(std::string(begin, end).c_str(), nullptr, plain);
#else
  (void)scanned;
  static const locale_t plain = newlocale(LC_NUMERIC_MASK, "C", nullptr);
  return strtod_l(std::string(begin, end).c_str(), nullptr, plain);
#endif
}

}  // namespace

double parse_number(const char* begin, const char* end) {
  const bool is_negative = begin < end && *begin == '-';
  if (begin < end && (*begin == '-' || *begin == '+')) begin++;
  const Scan scanned = scan(begin, end);
  if (!scanned.is_number) return std::numeric_limits<double>::quiet_NaN();
  double value = 0;
  if (scanned.significant == 0) {
    value = 0;
  } else if (scanned.significant > 19 || !decimal::to_double(scanned.mantissa, scanned.exponent, value)) {
    value = slow_number(begin, end, scanned);
  }
  return is_negative ? -value : value;
}

}  // namespace hadamard
