// The hash table of a column's texts.
#include "csv_texts.h"

#include <cstring>

#include "csv_decimal.h"

namespace hadamard {
namespace {

std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  const decimal::Words product = decimal::product_of(a ^ 0x9E3779B97F4A7C15, b ^ 0xD6E8FEB86659FD93);
  return product.high ^ product.low;
}

std::uint32_t load_half(const char* at) {
  std::uint32_t half = 0;
  std::memcpy(&half, at, sizeof half);
  return half;
}

std::uint64_t load_whole(const char* at) { return decimal::load_word(reinterpret_cast<const std::uint8_t*>(at)); }

// Reads nothing outside the text: its last word overlaps the one before.
std::uint64_t hash_of(std::string_view text) {
  const char* const from = text.data();
  const std::size_t length = text.size();
  if (length < 4) {
    std::uint64_t word = length;
    for (const char c : text) word = word << 8 | static_cast<std::uint8_t>(c);
    return mixed(word, length);
  }
  if (length < 8) return mixed(load_half(from) | std::uint64_t{load_half(from + length - 4)} << 32, length);
  std::uint64_t hash = length;
  for (std::size_t at = 0; at + 8 < length; at += 8) hash = mixed(hash, load_whole(from + at));
  return mixed(hash, load_whole(from + length - 8));
}

}  // namespace

CsvTexts::CsvTexts() : slots_(16) {}

std::size_t CsvTexts::slot_of(std::string_view text, std::uint64_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  while (slots_[slot].code >= 0) {
    if (slots_[slot].hash == hash && at(static_cast<std::size_t>(slots_[slot].code)) == text) break;
    slot = (slot + 1) & mask;
  }
  return slot;
}

std::int32_t CsvTexts::find(std::string_view text) const { return slots_[slot_of(text, hash_of(text))].code; }

std::int32_t CsvTexts::find_or_add(std::string_view text) {
  const std::uint64_t hash = hash_of(text);
  const std::size_t slot = slot_of(text, hash);
  if (slots_[slot].code >= 0) return slots_[slot].code;
  const auto code = static_cast<std::int32_t>(size());
  slots_[slot] = {hash, code};
  bytes_.append(text);
  starts_.push_back(bytes_.size());
  if (2 * size() > slots_.size()) grow();
  return code;
}

void CsvTexts::grow() {
  std::vector<Slot> old(2 * slots_.size());
  old.swap(slots_);
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& entry : old) {
    if (entry.code < 0) continue;
    std::size_t slot = entry.hash & mask;
    while (slots_[slot].code >= 0) slot = (slot + 1) & mask;
    slots_[slot] = entry;
  }
}

}  // namespace hadamard
