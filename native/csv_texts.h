// The different texts of a column, with a code for each in the order of their first appearance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "csv_text_table.h"

namespace hadamard {

// Texts with their codes; open addressing, so that a lookup is one hash and mostly one comparison.
class CsvTexts {
 public:
  // Bytes from the start of a text that the functions for padded texts may read.
  static constexpr std::size_t padded = CsvTextHead::bytes;

  std::int32_t find(std::string_view text) const;  // -1 where it is not there
  std::int32_t find_or_add(std::string_view text);
  std::int32_t find_padded(std::string_view text) const;
  std::int32_t find_or_add_padded(std::string_view text);
  std::size_t size() const { return ends_.size(); }
  std::string_view at(std::size_t code) const {
    const std::size_t start = code == 0 ? 0 : ends_[code - 1];
    return std::string_view(bytes_).substr(start, ends_[code] - start);
  }
  // Until a text is added.
  CsvTextTable table() const {
    return slots_.empty() ? CsvTextTable{} : CsvTextTable{slots_.data(), slots_.size() - 1, heads_.data()};
  }

 private:
  using Head = CsvTextHead;
  using Slot = CsvTextSlot;
  static Head head_of(const char* padded_text, std::size_t length);
  static std::uint64_t hash_of(const Head& head, std::string_view text);
  const Slot& slot_of(const Head& head, std::uint64_t hash, std::string_view text) const;
  void grow();

  // None at first: a file of thousands of columns of numbers has as many of these in every block.
  std::vector<Slot> slots_;
  std::vector<Head> heads_;
  std::string bytes_;
  std::vector<std::size_t> ends_;
};

}  // namespace hadamard
