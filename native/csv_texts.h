// The different texts of a column, with a code for each in the order of their first appearance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hadamard {

// Texts with their codes; open addressing, so that a lookup is one hash and mostly one comparison.
class CsvTexts {
 public:
  // Bytes from the start of a text that the functions for padded texts may read.
  static constexpr std::size_t padded = 32;

  CsvTexts();
  std::int32_t find(std::string_view text) const;  // -1 where it is not there
  std::int32_t find_or_add(std::string_view text);
  std::int32_t find_padded(std::string_view text) const;
  std::int32_t find_or_add_padded(std::string_view text);
  std::size_t size() const { return starts_.size() - 1; }
  std::string_view at(std::size_t code) const {
    return std::string_view(bytes_).substr(starts_[code], starts_[code + 1] - starts_[code]);
  }

 private:
  // The first bytes of a text, zeros behind its end: of most texts all there is to compare.
  struct Head {
    std::uint64_t words[padded / 8];
    bool operator==(const Head&) const = default;
  };
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t length = 0;
    std::int32_t code = -1;
  };
  static Head head_of(const char* padded_text, std::size_t length);
  static std::uint64_t hash_of(const Head& head, std::string_view text);
  const Slot& slot_of(const Head& head, std::uint64_t hash, std::string_view text) const;
  void grow();

  std::vector<Slot> slots_;
  std::vector<Head> heads_;
  std::string bytes_;
  std::vector<std::size_t> starts_{0};
};

}  // namespace hadamard
