// Reads by place, so that what is left of a piece is read again instead of being handed from thread to thread.
#include "csv_pieces.h"

#include <algorithm>

#include "csv_scan.h"
#include "file_pieces.h"

namespace hadamard {
namespace {

std::size_t line_ends_in(const std::uint8_t* at, const std::uint8_t* end) {
  std::size_t count = 0;
  for (; at < end; ++at) {
    if (*at == '\n' || (*at == '\r' && (at + 1 == end || at[1] != '\n'))) count++;
  }
  return count;
}

}  // namespace

CsvPieces::CsvPieces(int file, std::uint64_t offset, std::uint64_t size, std::uint8_t delimiter)
    : file_(file), size_(size), delimiter_(delimiter), offset_(offset) {}

CsvPiece CsvPieces::read(std::uint64_t turn, std::uint8_t* bytes, std::size_t room) {
  std::unique_lock lock(mutex_);
  moved_.wait(lock, [&] { return next_turn_ == turn; });
  const CsvPiece piece = has_ended_ ? CsvPiece{} : read_here(bytes, room);
  has_ended_ = piece.length == 0;
  offset_ += piece.length;
  next_turn_++;
  moved_.notify_all();
  return piece;
}

CsvPiece CsvPieces::read_here(std::uint8_t* bytes, std::size_t room) {
  const std::uint64_t left = offset_ < size_ ? size_ - offset_ : 0;
  const std::size_t filled = read_file_at(file_, offset_, bytes, static_cast<std::size_t>(std::min<std::uint64_t>(room, left)));
  const CsvScan scan = scan_csv(bytes, filled, delimiter_);
  return {offset_, scan.record_end, scan.line_ends - line_ends_in(bytes + scan.record_end, bytes + filled), scan.is_ascii,
          scan.has_nul};
}

}  // namespace hadamard
