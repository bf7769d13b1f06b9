#include "huge_pages.h"

#if defined(__linux__)
#include <sys/mman.h>

#include <cstdint>
#endif

namespace hadamard {

#if defined(__linux__)

namespace {

constexpr std::uintptr_t huge_page = std::uintptr_t{2} << 20;
constexpr int collapse_now = 25;  // MADV_COLLAPSE, Linux 6.1; older kernels refuse it and collapse in their own time
// Collapsing copies the data, about 1 GB/s.
constexpr Index max_collapsed_bytes = Index{1} << 28;

}  // namespace

void prefer_huge_pages(const void* data, Index bytes) {
  const auto start = (reinterpret_cast<std::uintptr_t>(data) + huge_page - 1) / huge_page * huge_page;
  const auto end = (reinterpret_cast<std::uintptr_t>(data) + static_cast<std::uintptr_t>(bytes)) / huge_page * huge_page;
  if (end <= start) return;
  madvise(reinterpret_cast<void*>(start), end - start, MADV_HUGEPAGE);
  if (bytes <= max_collapsed_bytes) madvise(reinterpret_cast<void*>(start), end - start, collapse_now);
}

#else

void prefer_huge_pages(const void*, Index) {}

#endif

}  // namespace hadamard
