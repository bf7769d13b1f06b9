// The scan of a CSV for x86-64 with AVX-512 (F, BW).
#include <immintrin.h>
#define HADAMARD_ISA avx512
#include <cstdint>

namespace hadamard::avx512 {
namespace {

struct Bytes64 {
  explicit Bytes64(const std::uint8_t* from) : bytes(_mm512_loadu_si512(from)) {}

  std::uint64_t equal(std::uint8_t byte) const {
    return _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(static_cast<char>(byte)));
  }

  std::uint64_t high() const { return _mm512_movepi8_mask(bytes); }

  __m512i bytes;
};

}  // namespace
}  // namespace hadamard::avx512

#include "../csv_scan.inc"
