// Reads and writes that are cut short go on.
#include "file_pieces.h"

#if !defined(_WIN32)
#include <unistd.h>

#include <cerrno>
#endif

namespace hadamard {
namespace {

#if !defined(_WIN32)
// move(bytes so far): what pread and pwrite give.
template <class Move>
std::size_t move_all(std::size_t length, Move move) {
  std::size_t done = 0;
  while (done < length) {
    const ssize_t moved = move(done);
    if (moved < 0 && errno == EINTR) continue;
    if (moved <= 0) break;
    done += static_cast<std::size_t>(moved);
  }
  return done;
}
#endif

}  // namespace

// On Windows descriptors belong to the C library of whoever opened the file, which need not be ours.
std::size_t read_file_at(int file, std::uint64_t offset, std::uint8_t* into, std::size_t length) {
#if defined(_WIN32)
  (void)file, (void)offset, (void)into, (void)length;
  return 0;
#else
  return move_all(length, [=](std::size_t done) {
    return pread(file, into + done, length - done, static_cast<off_t>(offset + done));
  });
#endif
}

std::size_t write_file_at(int file, std::uint64_t offset, const std::uint8_t* bytes, std::size_t length) {
#if defined(_WIN32)
  (void)file, (void)offset, (void)bytes, (void)length;
  return 0;
#else
  return move_all(length, [=](std::size_t done) {
    return pwrite(file, bytes + done, length - done, static_cast<off_t>(offset + done));
  });
#endif
}

}  // namespace hadamard
