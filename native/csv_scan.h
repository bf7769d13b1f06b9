// What a piece of a CSV is made of, found 64 bytes at a time by the vectors of an instruction set: line ends, the end of
// its last record, and whether its quotes stand where the state machine of csv_tokenizer.h would read them the same way.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadamard {

struct CsvScan {
  std::size_t record_end = 0;  // offset behind the last line end outside quotes, 0 without one; right where `is_regular`
  std::size_t line_ends = 0;   // LF, CR LF and CR, inside quotes too
  std::size_t quotes = 0;      // 0 where there are none
  bool is_ascii = true;
  bool has_nul = false;
  // Every quote that opens stands at the start of a field, every one that closes at the end of one. Otherwise the parity
  // of quotes says nothing (5 ft 10" tall), and the state machine must decide.
  bool is_regular = true;
};

// Scans bytes that start with a record; the instruction set is chosen once.
CsvScan scan_csv(const std::uint8_t* bytes, std::size_t length, std::uint8_t delimiter);

namespace scalar {
CsvScan scan_csv(const std::uint8_t* bytes, std::size_t length, std::uint8_t delimiter);
}
#if defined(HADAMARD_X64)
namespace avx2 {
CsvScan scan_csv(const std::uint8_t* bytes, std::size_t length, std::uint8_t delimiter);
}
namespace avx512 {
CsvScan scan_csv(const std::uint8_t* bytes, std::size_t length, std::uint8_t delimiter);
}
#elif defined(HADAMARD_ARM64)
namespace neon {
CsvScan scan_csv(const std::uint8_t* bytes, std::size_t length, std::uint8_t delimiter);
}
#endif

}  // namespace hadamard
