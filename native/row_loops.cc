#include "row_loops.h"

#include <algorithm>
#include <cmath>

#include "call.h"

namespace hadamard {
namespace {

#include "kernels/random.inc"

constexpr std::size_t drawn_at_once = 16, columns_at_once = 4, rows_at_once = 64;

// Whether the numbers are those from the first on, in one half of what a counter holds.
bool is_run(const double* numbers) {
  bool is_next = true;
  for (std::size_t i = 1; i < drawn_at_once; ++i) is_next &= numbers[i] == numbers[0] + static_cast<double>(i);
  const auto first = static_cast<std::uint64_t>(numbers[0]);
  return is_next && (first >> 32) == ((first + drawn_at_once - 1) >> 32);
}

constexpr std::uint32_t rotated(std::uint32_t word, int bits) { return word << bits | word >> (32 - bits); }

WordSums with_word(WordSums sums, std::uint32_t word) {
  return {rotated((sums.first ^ word) * 0x9e3779b1u, 15), rotated((sums.second ^ word) * 0x85ebca77u, 13)};
}

std::uint32_t mixed(std::uint32_t sum, std::uint32_t word) { return rotated((sum ^ word) * 0x9e3779b1u, 15); }

std::uint32_t word_at(const std::uint8_t* bytes) {
  std::uint32_t word;
  __builtin_memcpy(&word, bytes, sizeof word);
  return word;
}

template <std::size_t WIDTH>
void add_numbers_of(const double* const* columns, std::size_t count, WordSums* const* sums) {
  WordSums known[WIDTH];
  for (std::size_t column = 0; column < WIDTH; ++column) known[column] = *sums[column];
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t column = 0; column < WIDTH; ++column) {
      const double value = columns[column][i] == 0 ? 0 : columns[column][i];
      std::uint64_t bits;
      __builtin_memcpy(&bits, &value, sizeof bits);
      known[column] = with_word(known[column], static_cast<std::uint32_t>(bits));
      known[column] = with_word(known[column], static_cast<std::uint32_t>(bits >> 32));
    }
  }
  for (std::size_t column = 0; column < WIDTH; ++column) *sums[column] = known[column];
}

void add_value(double value, RowMoments& known) {
  if (std::isnan(value)) return;
  if (known.count == 0) known.shift = value;
  known.count++;
  const double difference = value - known.shift;
  known.sum += difference;
  known.sum_of_squares += difference * difference;
  if (value < known.minimum) known.minimum = value;
  if (value > known.maximum) known.maximum = value;
}

// Columns side by side, as each sum waits for the one before. Once all have a value nothing branches: a missing one adds 0.
template <std::size_t WIDTH>
void add_moments_of(const double* const* columns, const std::uint32_t* places, std::size_t count, RowMoments* moments) {
  RowMoments known[WIDTH];
  for (std::size_t column = 0; column < WIDTH; ++column) known[column] = moments[column];
  const auto are_begun = [&known] {
    return std::all_of(known, known + WIDTH, [](const RowMoments& one) { return one.count > 0; });
  };
  std::size_t i = 0;
  for (; i < count && !are_begun(); ++i) {
    const std::size_t row = places == nullptr ? i : places[i];
    for (std::size_t column = 0; column < WIDTH; ++column) add_value(columns[column][row], known[column]);
  }
  for (; i < count; ++i) {
    const std::size_t row = places == nullptr ? i : places[i];
    for (std::size_t column = 0; column < WIDTH; ++column) {
      RowMoments& one = known[column];
      const double value = columns[column][row];
      const bool is_known = value == value;
      const double difference = is_known ? value - one.shift : 0;
      one.count += is_known ? 1 : 0;
      one.sum += difference;
      one.sum_of_squares += difference * difference;
      one.minimum = value < one.minimum ? value : one.minimum;
      one.maximum = value > one.maximum ? value : one.maximum;
    }
  }
  for (std::size_t column = 0; column < WIDTH; ++column) moments[column] = known[column];
}

bool standardise_column(const Standardising& scale, const double* values, const std::uint32_t* rows, std::size_t from,
                        std::size_t to, float* x, std::size_t width, StandardisedCounts& counts) {
  const Standardising by = scale;
  std::size_t missing = 0, outside = 0;
  float* at = x + from * width + static_cast<std::size_t>(by.offset);
  for (std::size_t i = from; i < to; ++i, at += width) {
    const double value = values[rows[i]];
    if (std::isnan(value)) {
      missing++;
      if (by.has_indicator != 0) at[1] = 1;
      continue;
    }
    *at = static_cast<float>((value - by.mean) / by.deviation);
    if (!std::isfinite(*at)) return false;
    outside += value < by.low || value > by.high ? 1 : 0;
  }
  counts.missing += static_cast<double>(missing);
  counts.outside += static_cast<double>(outside);
  return true;
}

}  // namespace

void add_moments(const double* const* columns, std::size_t width, const std::uint32_t* places, std::size_t count,
                 RowMoments* moments) {
  while (width >= columns_at_once) {
    add_moments_of<columns_at_once>(columns, places, count, moments);
    columns += columns_at_once;
    moments += columns_at_once;
    width -= columns_at_once;
  }
  for (std::size_t i = 0; i < width; ++i) add_moments_of<1>(columns + i, places, count, moments + i);
}

void draw_rows(const std::uint32_t* key, const double* numbers, std::size_t count, std::uint32_t* draws) {
  std::size_t i = 0;
  while (i < count) {
    const auto number = static_cast<std::uint64_t>(numbers[i]);
    const auto low = static_cast<std::uint32_t>(number), high = static_cast<std::uint32_t>(number >> 32);
    if (count - i >= drawn_at_once && is_run(numbers + i)) {
      std::uint32_t second[drawn_at_once];
      threefry<drawn_at_once>(key, low, 1, high, draws + i, second);
      i += drawn_at_once;
    } else {
      draws[i++] = threefry(key, low, high).word[0];
    }
  }
}

void add_words(const std::int32_t* words, std::size_t count, WordSums& sums) {
  WordSums known = sums;
  for (std::size_t i = 0; i < count; ++i) known = with_word(known, static_cast<std::uint32_t>(words[i]));
  sums = known;
}

void add_numbers(const double* const* columns, std::size_t width, std::size_t count, WordSums* const* sums) {
  while (width >= columns_at_once) {
    add_numbers_of<columns_at_once>(columns, count, sums);
    columns += columns_at_once;
    sums += columns_at_once;
    width -= columns_at_once;
  }
  for (std::size_t i = 0; i < width; ++i) add_numbers_of<1>(columns + i, count, sums + i);
}

bool standardise_rows(const double* const* columns, const Standardising* scales, std::size_t count, const std::uint32_t* rows,
                      std::size_t from, std::size_t to, float* x, std::size_t width, StandardisedCounts* counts) {
  // A few rows of all columns stay in the first-level cache.
  for (; from < to; from += rows_at_once) {
    const std::size_t end = std::min(to, from + rows_at_once);
    for (std::size_t i = 0; i < count; ++i) {
      if (!standardise_column(scales[i], columns[i], rows, from, end, x, width, counts[i])) return false;
    }
  }
  return true;
}

void copy_rows(const RowValues* columns, std::size_t width, const std::uint32_t* rows, const std::uint32_t* places,
               std::size_t count, double* into) {
  for (std::size_t i = 0; i < count; ++i) {
    double* const row = into + places[i] * width;
    for (std::size_t column = 0; column < width; ++column) {
      const auto [numbers, codes] = columns[column];
      row[column] = numbers != nullptr ? numbers[rows[i]] : codes[rows[i]];
    }
  }
}

std::uint32_t checksum_of(const std::uint8_t* bytes, std::size_t length) {
  std::uint32_t sums[4] = {1, 2, 3, 4};
  const std::size_t whole = length / 4;
  std::size_t i = 0;
  for (; i + 4 <= whole; i += 4) {
    for (std::size_t lane = 0; lane < 4; ++lane) sums[lane] = mixed(sums[lane], word_at(bytes + 4 * (i + lane)));
  }
  for (; i < whole; ++i) sums[0] = mixed(sums[0], word_at(bytes + 4 * i));
  for (std::size_t byte = 4 * whole; byte < length; ++byte) sums[1] = mixed(sums[1], bytes[byte]);
  return mixed(mixed(mixed(sums[0], sums[1]), sums[2]), sums[3]);
}

}  // namespace hadamard
