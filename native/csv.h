// Parses the rows of a CSV to typed columns: the native twin of src/data/csv-parser.ts, the same in every result. Encoding,
// delimiter, header and messages are the business of src/data/csv.ts. Safe on any bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hadamard {

// What can be wrong with the bytes.
enum class CsvError { none, field_count, open_quote, after_quote, not_number, infinite, missing_value };

// The name of an error in src/data/csv-parser.ts.
const char* csv_error_name(CsvError error);

// Where and how the bytes broke the rules.
struct CsvFailure {
  CsvError error = CsvError::none;
  std::size_t line = 0;      // physical, the first of the file is 1
  std::ptrdiff_t column = -1;  // -1 where the whole row is meant
  std::size_t start = 0;     // the offending text is bytes [start, end)
  std::size_t end = 0;
  std::size_t found = 0;  // fields found, for field_count
};

// A caller's word on the type of a column; automatic types are found from all values.
enum class CsvType : std::uint8_t { automatic, numeric, categorical };

struct CsvOptions {
  std::size_t start = 0;  // offset of the first byte to read
  std::size_t line = 1;   // physical line at `start`
  std::uint8_t delimiter = ',';
  std::vector<CsvType> declared;     // one per column, at least one
  std::vector<std::string> missing;  // further texts that stand for a missing value
  bool allow_missing = true;
};

struct CsvColumn {
  bool is_numeric = true;
  std::size_t missing = 0;
  std::vector<double> values;           // [rows] of a numeric column, NaN = missing
  std::vector<std::int32_t> codes;      // [rows] of a categorical column, -1 = missing
  std::vector<std::string> categories;  // UTF-8, ascending by UTF-16 code units
};

struct CsvBody {
  CsvFailure failure;  // columns and rows mean nothing where it is not `none`
  std::size_t rows = 0;
  std::vector<CsvColumn> columns;
};

// Parses the rows in bytes [options.start, end). Structure is checked first, values after.
CsvBody parse_csv(std::span<const std::uint8_t> bytes, const CsvOptions& options);

// The double of JavaScript's Number(text) where the text is a number by the syntax of docs/data.md; ±infinity where it
// overflows, NaN where it is no number. No blanks.
double parse_number(const char* begin, const char* end);

}  // namespace hadamard
