// Records of nothing but plain numbers, the bulk of most large files, read by the vectors of an instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadamard {

struct CsvTarget;

struct NumberRows {
  std::size_t rows = 0;               // read and stored
  const std::uint8_t* at = nullptr;   // behind the last of them
};

// Reads records from `at` on, at most `capacity`, up to the first that is anything but a plain number in each of the columns
// or does not end before `limit`; what it left in the targets does not count. `row` is the first to store. Bytes must be
// readable for 64 behind `limit`.
using ReadNumberRows = NumberRows (*)(const std::uint8_t* at, const std::uint8_t* limit, std::uint8_t delimiter,
                                      const CsvTarget* targets, std::size_t width, std::size_t row, std::size_t capacity);

// One number of any plain form, and moves `at` behind it; false as decimal::read_number.
bool read_plain_number(const std::uint8_t*& at, double& value);

namespace scalar {
NumberRows read_number_rows(const std::uint8_t* at, const std::uint8_t* limit, std::uint8_t delimiter,
                            const CsvTarget* targets, std::size_t width, std::size_t row, std::size_t capacity);
}
#if defined(HADAMARD_X64)
namespace avx2 {
NumberRows read_number_rows(const std::uint8_t* at, const std::uint8_t* limit, std::uint8_t delimiter,
                            const CsvTarget* targets, std::size_t width, std::size_t row, std::size_t capacity);
}
#endif

}  // namespace hadamard
