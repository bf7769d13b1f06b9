// The table of a column's texts as plain memory, so that instruction sets may look texts up without a call for each.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadamard {

// The first bytes of a text, zeros behind its end: of most texts all there is to compare.
struct CsvTextHead {
  static constexpr std::size_t bytes = 32;
  std::uint64_t words[bytes / 8];
};

struct CsvTextSlot {
  std::uint64_t hash = 0;
  std::uint32_t length = 0;
  std::int32_t code = -1;
};

// Open addressing: a text lies in the slot of its hash or in one behind it, without an empty one between. `heads` are in the
// order of the codes; without slots nothing can be looked up here.
struct CsvTextTable {
  const CsvTextSlot* slots = nullptr;
  std::size_t mask = 0;
  const CsvTextHead* heads = nullptr;
};

// Of texts that are no longer than their heads.
[[gnu::always_inline]] static inline std::uint64_t csv_text_hash(std::uint64_t first, std::uint64_t second,
                                                                 std::uint64_t third, std::uint64_t fourth,
                                                                 std::size_t length) {
  using Product = unsigned __int128;
  const Product low = static_cast<Product>((first + length) ^ 0x9E3779B97F4A7C15) * (second ^ 0xD6E8FEB86659FD93);
  const Product high = static_cast<Product>(third ^ 0x9E3779B97F4A7C15) * ((fourth + length) ^ 0xD6E8FEB86659FD93);
  const Product both = low ^ high;
  return static_cast<std::uint64_t>(both >> 64) ^ static_cast<std::uint64_t>(both);
}

}  // namespace hadamard
