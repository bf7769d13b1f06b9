// The parser of blocks and the scans on random bytes of the kind that CSV files are made of (run with ASan).
#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../csv_block.h"
#include "../fuzz/csv_property.h"

namespace {

using hadamard::CsvTexts;

// A small generator of its own (xorshift), so that a failure can be repeated.
std::uint32_t draw(std::uint32_t& state) {
  state ^= state << 13;
  state ^= state >> 17;
  return state ^= state << 5;
}

}  // namespace

TEST_CASE("whole files, blocks and pieces agree on random fields, quotes and line ends") {
  constexpr std::string_view pieces[] = {",",  ",",    ",",      "\n",    "\n",  "\r\n", "\r",       "\"",    "\"\"", "\",\"", ";",
                                         "\t", "1",    "2.5",    "-0.25", "1e3", "abc",  " ",        "NA",    "nan",  "inf",   "\"a\"",
                                         "x",  "1e99", "\"x,y\"", "-9",   "5\"", "é",    "0.1234567", "\"a\nb\""};
  std::uint32_t state = 20261122;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::uint8_t> input;
    for (int i = 0; i < 3; ++i) input.push_back(static_cast<std::uint8_t>(draw(state) >> 8));
    // Mostly commas, mostly two columns.
    if (round % 2 == 0) input[0] = static_cast<std::uint8_t>((input[0] & 0xF0) | 0x04);
    for (std::uint32_t count = draw(state) % 60; count > 0; --count) {
      const std::string_view piece = pieces[draw(state) % std::size(pieces)];
      input.insert(input.end(), piece.begin(), piece.end());
    }
    CAPTURE(round);
    CAPTURE(std::string(input.begin(), input.end()));
    REQUIRE(hadamard::fuzz::judge_csv(input) == "");
  }
}

TEST_CASE("texts keep their codes however many there are") {
  CsvTexts texts;
  CHECK(texts.find("text") == -1);
  for (int i = 0; i < 5000; ++i) CHECK(texts.find_or_add("text " + std::string(std::size_t(i % 40), 'y') + std::to_string(i)) == i);
  CHECK(texts.find("text 0") == 0);
  CHECK(texts.find("text") == -1);
  CHECK(texts.find("") == -1);
  CHECK(texts.find_or_add("") == 5000);
  CHECK(texts.at(5000) == "");
  CHECK(texts.size() == 5001);
}
