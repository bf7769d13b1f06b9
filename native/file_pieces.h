// Reads and writes of files that JavaScript has opened, at any place; other threads may use the same file.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadamard {

// Bytes read, fewer than asked for at the end of the file and where it cannot be read.
std::size_t read_file_at(int file, std::uint64_t offset, std::uint8_t* into, std::size_t length);

// Bytes written, fewer than given where the file takes no more.
std::size_t write_file_at(int file, std::uint64_t offset, const std::uint8_t* bytes, std::size_t length);

}  // namespace hadamard
