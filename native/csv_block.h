// A block of whole CSV records to typed columns, for readers that see a file piece by piece: the native twin of
// src/data/csv-block.ts, the same in every result. Safe on any bytes; calls on different blocks may run at the same time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "csv.h"
#include "csv_texts.h"

namespace hadamard {

// How a column is read. `find` starts as numbers and turns to texts at the first value that is none.
enum class CsvKind : std::uint8_t { skip, find, numeric, texts, categories };

// What is the same for all blocks of a file.
struct CsvBlockOptions {
  std::uint8_t delimiter = ',';
  bool allow_missing = true;
  bool keeps_going = false;                   // over wrong records, which are listed
  std::vector<std::string> missing;           // further texts that stand for a missing value
  std::vector<CsvTexts> categories;           // one per column, looked up where its kind is `categories`
};

// Where a column's values go: element `row * stride` of float64, float32 (numbers) or int32 (codes). A column of the kind
// `find` needs float64 with stride 1, whose memory takes the codes where it turns out to be text.
struct CsvTarget {
  CsvKind kind = CsvKind::skip;
  bool is_float32 = false;
  void* values = nullptr;
  std::size_t stride = 1;

  void store(std::size_t row, double value) const {
    if (is_float32) {
      static_cast<float*>(values)[row * stride] = static_cast<float>(value);
    } else {
      static_cast<double*>(values)[row * stride] = value;
    }
  }
};

struct CsvBlockColumn {
  bool is_text = false;
  std::size_t missing = 0;
  std::size_t unseen = 0;   // texts that `categories` does not have; code -2
  CsvTexts texts;           // of the kinds `texts` and `find`, in the order of their first appearance
  // Of the kind `find`: the first value that is wrong if the column stays numeric (not finite, or NA that is not allowed).
  CsvFailure doubtful;
  std::size_t doubtful_row = 0;
};

struct CsvBlockResult {
  std::size_t rows = 0;
  // Wrong records in the order of the file: the first where the options do not keep going, and always the last where a
  // quote is open, as nothing behind it can be told. Lines count from 1, offsets from the first byte of the memory.
  std::vector<CsvFailure> rejects;
  std::vector<CsvBlockColumn> columns;
};

// Bytes behind the end of a block that must be readable.
constexpr std::size_t csv_padding = 64;

// Reads the records in bytes [start, end) into targets with room for `capacity` rows, at least the lines of the block;
// records beyond it are not read. Of the padding the first byte is written.
CsvBlockResult parse_csv_block(std::uint8_t* bytes, std::size_t start, std::size_t end, const CsvBlockOptions& options,
                               const std::vector<CsvTarget>& targets, std::size_t capacity);

// The offset behind the last complete record in bytes [0, length), which start with a record, by the state machine; 0
// without one. Slower than scan_csv and right for every placing of quotes.
std::size_t last_record_end(const std::uint8_t* bytes, std::size_t length, std::uint8_t delimiter);

}  // namespace hadamard
