// The scan of a CSV for any machine, eight bytes at a time.
#define HADAMARD_ISA scalar
#include <cstdint>

namespace hadamard::scalar {
namespace {

struct Bytes64 {
  explicit Bytes64(const std::uint8_t* from) { __builtin_memcpy(words, from, sizeof words); }

  // Gathers the lowest bit of every byte. Little-endian, as all machines that Node runs this core on.
  static std::uint64_t gather(std::uint64_t lowest) { return (lowest * 0x0102040810204080) >> 56; }

  std::uint64_t equal(std::uint8_t byte) const {
    constexpr std::uint64_t ones = 0x0101010101010101;
    std::uint64_t mask = 0;
    for (int i = 0; i < 8; ++i) {
      const std::uint64_t difference = words[i] ^ (ones * byte);
      // The high bit of every byte that differs, without a carry from byte to byte.
      const std::uint64_t differs = (((difference & ones * 0x7F) + ones * 0x7F) | difference) & ones * 0x80;
      mask |= gather((differs >> 7) ^ ones) << (8 * i);
    }
    return mask;
  }

  std::uint64_t high() const {
    std::uint64_t mask = 0;
    for (int i = 0; i < 8; ++i) mask |= gather(words[i] >> 7 & 0x0101010101010101) << (8 * i);
    return mask;
  }

  std::uint64_t words[8];
};

}  // namespace
}  // namespace hadamard::scalar

#include "../csv_scan.inc"
