// The native CSV parser alone: numbers, structure, types, errors, and no read outside the bytes (run with ASan).
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "../csv.h"

namespace {

using hadamard::CsvBody;
using hadamard::CsvError;
using hadamard::CsvOptions;
using hadamard::CsvType;

CsvBody parse(std::string_view text, std::vector<CsvType> declared, CsvOptions options = {}) {
  // A copy of the exact size, so that ASan sees any read past the end.
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  options.declared = std::move(declared);
  return hadamard::parse_csv(bytes, options);
}

CsvBody parse(std::string_view text, std::size_t columns, CsvOptions options = {}) {
  return parse(text, std::vector<CsvType>(columns, CsvType::automatic), options);
}

double number(std::string_view text) { return hadamard::parse_number(text.data(), text.data() + text.size()); }

std::uint64_t bits(double value) {
  std::uint64_t result = 0;
  std::memcpy(&result, &value, sizeof result);
  return result;
}

// A small generator of its own (xorshift), so that a failure can be repeated.
std::uint32_t draw(std::uint32_t& state) {
  state ^= state << 13;
  state ^= state >> 17;
  return state ^= state << 5;
}

}  // namespace

TEST_CASE("a number is the double of strtod, hard cases included") {
  for (const char* text : {"0", "-0", "1", "+1", ".5", "1.", "007", "-.25e+1", "1e3", "1E-3", "0.1", "0.3", "1e22", "1e23",
                           "9007199254740993", "9007199254740992", "123456789012345678901234567890", "5e-324", "2.4e-324",
                           "2.5e-324", "2.2250738585072011e-308", "2.2250738585072014e-308", "1.7976931348623157e308",
                           "1.7976931348623158e308", "1e-400", "0e999999999999", "1e-999999999999",
                           "6.631236846766476e-316", "179769313486231580793e289", "0.000000000000000000000000000001e30",
                           "9.5e-3", "8.988465674311580e307"}) {
    CAPTURE(text);
    CHECK(bits(number(text)) == bits(std::strtod(text, nullptr)));
  }
}

TEST_CASE("random numbers of all lengths are the doubles of strtod") {
  std::uint32_t state = 20240;
  for (int round = 0; round < 100000; round++) {
    std::string text;
    const std::uint32_t digits = 1 + draw(state) % 25;
    const std::uint32_t point = draw(state) % 30;
    for (std::uint32_t i = 0; i < digits; i++) {
      if (i == point) text += '.';
      text += static_cast<char>('0' + draw(state) % 10);
    }
    if (draw(state) % 2 == 0) text += "e" + std::to_string(static_cast<int>(draw(state) % 700) - 350);
    CAPTURE(text);
    REQUIRE(bits(number(text)) == bits(std::strtod(text.c_str(), nullptr)));
  }
}

TEST_CASE("what is no number is NaN, what overflows is infinite") {
  for (const char* text : {"", "+", "-", ".", "e5", ".e5", "1e", "1e+", "0x10", "1_000", "1,5", "1 2", "--1", "1.2.3", "inf",
                           "nan", "1f", "1e5.5", "\xC2\xA0" "1"}) {
    CAPTURE(text);
    CHECK(std::isnan(number(text)));
  }
  CHECK(number("1e309") == std::numeric_limits<double>::infinity());
  CHECK(number("-1e999999999999") == -std::numeric_limits<double>::infinity());
}

TEST_CASE("columns take their types from all of their values") {
  const CsvBody body = parse("1,1,a,\n2,x,\"b\"\"c\",NA\r\n , y ,\"\",3\n\n", 4);
  REQUIRE(body.failure.error == CsvError::none);
  CHECK(body.rows == 3);
  CHECK(body.columns[0].is_numeric);
  CHECK(body.columns[0].missing == 1);
  CHECK(body.columns[1].categories == std::vector<std::string>{"1", "x", "y"});
  CHECK(body.columns[2].categories == std::vector<std::string>{"", "a", "b\"c"});
  CHECK(body.columns[2].codes == std::vector<std::int32_t>{1, 2, 0});
  CHECK(body.columns[3].missing == 2);
  CHECK(body.columns[3].values[2] == 3);
}

TEST_CASE("categories ascend by UTF-16 code units") {
  const CsvBody body = parse("\xEF\xBC\xA1\n\xF0\x9F\x90\xA7\nz\n\xED\x9F\xBF\n", 1);
  CHECK(body.columns[0].categories ==
        std::vector<std::string>{"z", "\xED\x9F\xBF", "\xF0\x9F\x90\xA7", "\xEF\xBC\xA1"});
}

TEST_CASE("errors name line, column and the offending bytes") {
  const CsvBody short_row = parse("1,2\n3\n", 2);
  CHECK(short_row.failure.error == CsvError::field_count);
  CHECK(short_row.failure.line == 2);
  CHECK(short_row.failure.found == 1);
  const CsvBody open = parse("1,2\n3,\"x\ny", 2);
  CHECK(open.failure.error == CsvError::open_quote);
  CHECK(open.failure.line == 2);
  CHECK(open.failure.column == 1);
  CHECK(parse("\"a\"b,1\n", 2).failure.error == CsvError::after_quote);
  const CsvBody text = parse("1\nx\n", {CsvType::numeric});
  CHECK(text.failure.error == CsvError::not_number);
  CHECK(text.failure.start == 2);
  CHECK(parse("1\nInf\n", 1).failure.error == CsvError::infinite);
  CHECK(parse("a\nInf\n", 1).failure.error == CsvError::none);
  CHECK(parse("1,\n", 2, {.declared = {}, .missing = {}, .allow_missing = false}).failure.error == CsvError::missing_value);
}

TEST_CASE("random bytes are read or refused, never read past") {
  const std::string alphabet = std::string("\",;\t\r\n 1a.-e\xC3\xA9") + '\0';
  std::uint32_t state = 99;
  for (int round = 0; round < 20000; round++) {
    std::string text;
    for (std::uint32_t length = draw(state) % 40; length > 0; length--) text += alphabet[draw(state) % alphabet.size()];
    const std::size_t columns = 1 + draw(state) % 3;
    const CsvBody body = parse(text, columns, {.delimiter = draw(state) % 2 == 0 ? std::uint8_t{','} : std::uint8_t{'\t'},
                                               .declared = {},
                                               .missing = {"a", "\""}});
    if (body.failure.error != CsvError::none) {
      REQUIRE(body.failure.start <= body.failure.end);
      REQUIRE(body.failure.end <= text.size());
      continue;
    }
    for (const hadamard::CsvColumn& column : body.columns) {
      REQUIRE((column.is_numeric ? column.values.size() : column.codes.size()) == body.rows);
    }
  }
}
