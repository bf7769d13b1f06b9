// Reads that are cut short go on.
#include "file_read.h"

#if !defined(_WIN32)
#include <unistd.h>

#include <cerrno>
#endif

namespace hadamard {

std::size_t read_file_at(int file, std::uint64_t offset, std::uint8_t* into, std::size_t length) {
#if defined(_WIN32)
  // Descriptors belong to the C library of whoever opened the file, which need not be ours.
  (void)file, (void)offset, (void)into, (void)length;
  return 0;
#else
  std::size_t filled = 0;
  while (filled < length) {
    const ssize_t read = pread(file, into + filled, length - filled, static_cast<off_t>(offset + filled));
    if (read < 0 && errno == EINTR) continue;
    if (read <= 0) break;
    filled += static_cast<std::size_t>(read);
  }
  return filled;
#endif
}

}  // namespace hadamard
