// Records of nothing but plain numbers and plain texts, the bulk of most large files, read by the vectors of an instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "csv_text_table.h"

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

// Who knows the codes of texts.
struct TextCodes {
  void* owner = nullptr;
  // The code of a text of a column; below 0 where its record is to be read otherwise. 64 bytes behind the text may be read.
  std::int32_t (*code_of)(void* owner, std::size_t column, const std::uint8_t* text, std::size_t length) = nullptr;
  // Of every column, what it knows by now: only what is not found there is to be asked for. code_of may change it.
  const CsvTextTable* tables = nullptr;
};

// As ReadNumberRows, of columns of any kind: a plain text is one in quotes with none inside, or one without blanks around it.
using ReadPlainRows = NumberRows (*)(const std::uint8_t* at, const std::uint8_t* limit, std::uint8_t delimiter,
                                     const CsvTarget* targets, std::size_t width, std::size_t row, std::size_t capacity,
                                     const TextCodes& codes);

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
NumberRows read_plain_rows(const std::uint8_t* at, const std::uint8_t* limit, std::uint8_t delimiter,
                           const CsvTarget* targets, std::size_t width, std::size_t row, std::size_t capacity,
                           const TextCodes& codes);
}
#endif

}  // namespace hadamard
