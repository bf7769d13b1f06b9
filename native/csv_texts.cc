// The hash table of a column's texts.
#include "csv_texts.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include "csv_decimal.h"

namespace hadamard {
namespace {

std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  const decimal::Words product = decimal::product_of(a ^ 0x9E3779B97F4A7C15, b ^ 0xD6E8FEB86659FD93);
  return product.high ^ product.low;
}

std::uint64_t load_whole(const char* at) { return decimal::load_word(reinterpret_cast<const std::uint8_t*>(at)); }

bool is_equal(const CsvTextHead& a, const CsvTextHead& b) {
  return std::equal(std::begin(a.words), std::end(a.words), std::begin(b.words));
}

// From `padded - length` on: as many set bytes as a text has, then clear ones.
constexpr std::array<char, 2 * CsvTexts::padded> mask_bytes = [] {
  std::array<char, 2 * CsvTexts::padded> bytes{};
  for (std::size_t i = 0; i < CsvTexts::padded; ++i) bytes[i] = -1;
  return bytes;
}();

// A text with bytes behind it that may be read.
class Padded {
 public:
  explicit Padded(std::string_view text) : text_(text) {
    if (text.size() < CsvTexts::padded) std::copy(text.begin(), text.end(), copy_.begin());
  }
  std::string_view text() const {
    return text_.size() < CsvTexts::padded ? std::string_view(copy_.data(), text_.size()) : text_;
  }

 private:
  std::string_view text_;
  std::array<char, CsvTexts::padded> copy_{};
};

}  // namespace

// A call for each would take as long as the lookup.
// Neither lengths nor ends of texts can be foretold, so nothing branches on them.
[[gnu::always_inline]] inline CsvTexts::Head CsvTexts::head_of(const char* padded_text, std::size_t length) {
  const char* const mask = mask_bytes.data() + padded - std::min(length, padded);
  Head head;
  for (std::size_t i = 0; i < std::size(head.words); ++i) {
    head.words[i] = load_whole(padded_text + 8 * i) & load_whole(mask + 8 * i);
  }
  return head;
}

[[gnu::always_inline]] inline std::uint64_t CsvTexts::hash_of(const Head& head, std::string_view text) {
  const std::size_t length = text.size();
  std::uint64_t hash = csv_text_hash(head.words[0], head.words[1], head.words[2], head.words[3], length);
  if (length <= padded) return hash;
  // The last word overlaps the one before.
  for (std::size_t at = padded; at + 8 < length; at += 8) hash = mixed(hash, load_whole(text.data() + at));
  return mixed(hash, load_whole(text.data() + length - 8));
}

[[gnu::always_inline]] inline const CsvTexts::Slot& CsvTexts::slot_of(const Head& head, std::uint64_t hash, std::string_view text) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t place = hash & mask;; place = (place + 1) & mask) {
    const Slot& slot = slots_[place];
    if (slot.code < 0) return slot;
    if (slot.hash != hash || slot.length != text.size()) continue;
    const auto code = static_cast<std::size_t>(slot.code);
    if (text.size() <= padded ? is_equal(heads_[code], head) : at(code) == text) return slot;
  }
}

std::int32_t CsvTexts::find(std::string_view text) const { return find_padded(Padded(text).text()); }

std::int32_t CsvTexts::find_or_add(std::string_view text) { return find_or_add_padded(Padded(text).text()); }

std::int32_t CsvTexts::find_padded(std::string_view text) const {
  if (slots_.empty()) return -1;
  const Head head = head_of(text.data(), text.size());
  return slot_of(head, hash_of(head, text), text).code;
}

std::int32_t CsvTexts::find_or_add_padded(std::string_view text) {
  if (slots_.empty()) slots_.resize(16);
  const Head head = head_of(text.data(), text.size());
  const std::uint64_t hash = hash_of(head, text);
  const Slot& slot = slot_of(head, hash, text);
  if (slot.code >= 0) return slot.code;
  const auto code = static_cast<std::int32_t>(size());
  slots_[static_cast<std::size_t>(&slot - slots_.data())] = {hash, static_cast<std::uint32_t>(text.size()), code};
  heads_.push_back(head);
  bytes_.append(text);
  ends_.push_back(bytes_.size());
  // Few texts have room enough that most are found at once.
  const std::size_t room = size() < 256 ? 16 : size() < 4096 ? 4 : 2;
  if (room * size() > slots_.size()) grow();
  return code;
}

void CsvTexts::grow() {
  std::vector<Slot> old(2 * slots_.size());
  old.swap(slots_);
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& entry : old) {
    if (entry.code < 0) continue;
    std::size_t place = entry.hash & mask;
    while (slots_[place].code >= 0) place = (place + 1) & mask;
    slots_[place] = entry;
  }
}

}  // namespace hadamard
