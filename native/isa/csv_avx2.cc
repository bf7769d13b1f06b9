// The scan of a CSV for x86-64 with AVX2.
#include <immintrin.h>
#define HADAMARD_ISA avx2
#include <cstdint>

namespace hadamard::avx2 {
namespace {

struct Bytes64 {
  explicit Bytes64(const std::uint8_t* from)
      : low(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))),
        upper(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 32))) {}

  static std::uint64_t joined(__m256i a, __m256i b) {
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(a)) |
           static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm256_movemask_epi8(b))) << 32;
  }

  std::uint64_t equal(std::uint8_t byte) const {
    const __m256i wanted = _mm256_set1_epi8(static_cast<char>(byte));
    return joined(_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(upper, wanted));
  }

  std::uint64_t high() const { return joined(low, upper); }

  __m256i low, upper;
};

}  // namespace
}  // namespace hadamard::avx2

#include "../csv_scan.inc"
