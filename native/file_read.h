// Reads of files that JavaScript has opened, at any place; other threads may read the same file.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadamard {

// Bytes read, fewer than asked for at the end of the file and where it cannot be read.
std::size_t read_file_at(int file, std::uint64_t offset, std::uint8_t* into, std::size_t length);

}  // namespace hadamard
