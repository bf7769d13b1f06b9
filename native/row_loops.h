// Loops over the numbers of files larger than memory. src/data/row-loops.ts is their specification, down to the order of
// every sum.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadamard {

// Sums of a block of rows: values less the first of them, so that little is cancelled.
struct RowMoments {
  double count, shift, sum, sum_of_squares, minimum, maximum;
};

// Adds `count` values, those at `places` where they are not null; NaN is none.
void add_moments(const double* values, const std::uint32_t* places, std::size_t count, RowMoments& moments);

// The first word of the Threefry block of each row number, an integer from 0 to 2^53 - 1.
void draw_rows(const std::uint32_t* key, const double* numbers, std::size_t count, std::uint32_t* draws);

// Two running sums over words in their order.
struct WordSums {
  std::uint32_t first, second;
};
void add_words(const std::int32_t* words, std::size_t count, WordSums& sums);
// Two words a number; the sign of a zero makes no difference.
void add_numbers(const double* values, std::size_t count, WordSums& sums);

// How a column of numbers becomes an input: the first of its places in a row, (value - mean) / deviation, and where
// `has_indicator` a 1 in the next place for a missing value.
struct Standardising {
  std::size_t offset, width;
  double mean, deviation, low, high;
  bool has_indicator;
};

struct StandardisedCounts {
  double missing, outside;
};

// Writes the inputs of rows [from, to) into x, which holds zeros there. The first row that is too large to be encoded; -1
// where none is, and only then are the counts added to.
std::ptrdiff_t standardise_rows(const Standardising& scale, const double* values, const std::uint32_t* rows, std::size_t from,
                                std::size_t to, float* x, StandardisedCounts& counts);

// Four sums side by side over words.
std::uint32_t checksum_of(const std::uint8_t* bytes, std::size_t length);

}  // namespace hadamard
