// The scan of a CSV for aarch64.
#include <arm_neon.h>
#define HADAMARD_ISA neon
#include <cstdint>

namespace hadamard::neon {
namespace {

struct Bytes64 {
  explicit Bytes64(const std::uint8_t* from) {
    for (int i = 0; i < 4; ++i) parts[i] = vld1q_u8(from + 16 * i);
  }

  // A bit per byte of four vectors whose bytes are 0 or 0xFF: each byte keeps its own bit of eight, and three rounds of
  // pairwise sums bring the eight of a group together.
  static std::uint64_t joined(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d) {
    const uint8x16_t own_bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
    const uint8x16_t ab = vpaddq_u8(vandq_u8(a, own_bit), vandq_u8(b, own_bit));
    const uint8x16_t cd = vpaddq_u8(vandq_u8(c, own_bit), vandq_u8(d, own_bit));
    const uint8x16_t all = vpaddq_u8(ab, cd);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(all, all)), 0);
  }

  std::uint64_t equal(std::uint8_t byte) const {
    const uint8x16_t wanted = vdupq_n_u8(byte);
    return joined(vceqq_u8(parts[0], wanted), vceqq_u8(parts[1], wanted), vceqq_u8(parts[2], wanted),
                  vceqq_u8(parts[3], wanted));
  }

  std::uint64_t high() const {
    const uint8x16_t least = vdupq_n_u8(0x80);
    return joined(vcgeq_u8(parts[0], least), vcgeq_u8(parts[1], least), vcgeq_u8(parts[2], least),
                  vcgeq_u8(parts[3], least));
  }

  uint8x16_t parts[4];
};

}  // namespace
}  // namespace hadamard::neon

#include "../csv_scan.inc"
