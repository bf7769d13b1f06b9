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
  CsvTexts();
  std::int32_t find(std::string_view text) const;  // -1 where it is not there
  std::int32_t find_or_add(std::string_view text);
  std::size_t size() const { return starts_.size() - 1; }
  std::string_view at(std::size_t code) const {
    return std::string_view(bytes_).substr(starts_[code], starts_[code + 1] - starts_[code]);
  }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::int32_t code = -1;
  };
  std::size_t slot_of(std::string_view text, std::uint64_t hash) const;
  void grow();

  std::vector<Slot> slots_;
  std::string bytes_;
  std::vector<std::size_t> starts_{0};
};

}  // namespace hadamard
