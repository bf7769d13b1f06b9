// A file cut into pieces of whole CSV records, by as many threads as parse them: one reads while the others parse, each piece
// on the core that parses it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace hadamard {

struct CsvPiece {
  std::uint64_t offset = 0;  // of its first byte in the file
  std::size_t length = 0;    // 0 where there is none, for whatever reason
  std::size_t line_ends = 0;
  bool is_ascii = true;
  bool has_nul = false;
};

// Knows nothing of the end of the file: what stands behind the last line end is left, and so is a record that is longer than
// the memory it is given, and all behind it.
class CsvPieces {
 public:
  // Starts at a record and reads no byte from `size` on. `file` stays open as long as this is used.
  CsvPieces(int file, std::uint64_t offset, std::uint64_t size, std::uint8_t delimiter);

  // Reads piece number `turn`, counted from 0, into memory for `room` bytes; waits until those before it have been read.
  CsvPiece read(std::uint64_t turn, std::uint8_t* bytes, std::size_t room);

 private:
  CsvPiece read_here(std::uint8_t* bytes, std::size_t room);

  const int file_;
  const std::uint64_t size_;
  const std::uint8_t delimiter_;
  std::uint64_t offset_;
  bool has_ended_ = false;
  std::uint64_t next_turn_ = 0;
  std::mutex mutex_;
  std::condition_variable moved_;
};

}  // namespace hadamard
