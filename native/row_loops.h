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

// Adds `count` values of each column, those at `places` where they are not null; NaN is none.
void add_moments(const double* const* columns, std::size_t width, const std::uint32_t* places, std::size_t count,
                 RowMoments* moments);

// The first word of the Threefry block of each row number, an integer from 0 to 2^53 - 1.
void draw_rows(const std::uint32_t* key, const double* numbers, std::size_t count, std::uint32_t* draws);

// Two running sums over words in their order.
struct WordSums {
  std::uint32_t first, second;
};
void add_words(const std::int32_t* words, std::size_t count, WordSums& sums);
// Of several columns, side by side: each step of a sum waits for the one before. Two words a number; the sign of a zero makes
// no difference.
void add_numbers(const double* const* columns, std::size_t width, std::size_t count, WordSums* const* sums);

// How a column of numbers becomes an input: (value - mean) / deviation at its place in a row, and where `has_indicator` is not 0
// a 1 in the next place for a missing value.
struct Standardising {
  double offset, mean, deviation, low, high, has_indicator;
};

struct StandardisedCounts {
  double missing, outside;
};

// Writes the inputs of rows [from, to) into x, which holds zeros there and `width` numbers a row. False where one is too large
// to be encoded; then the counts are of no use.
bool standardise_rows(const double* const* columns, const Standardising* scales, std::size_t count, const std::uint32_t* rows,
                      std::size_t from, std::size_t to, float* x, std::size_t width, StandardisedCounts* counts);

// Numbers of a column, or codes.
struct RowValues {
  const double* numbers;
  const std::int32_t* codes;  // where numbers is null
};

// Copies rows of columns to places of a table of numbers, `width` a row.
void copy_rows(const RowValues* columns, std::size_t width, const std::uint32_t* rows, const std::uint32_t* places,
               std::size_t count, double* into);

// Four sums side by side over words.
std::uint32_t checksum_of(const std::uint8_t* bytes, std::size_t length);

}  // namespace hadamard
