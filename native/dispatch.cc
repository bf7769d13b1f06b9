// The one list of instruction sets, and ops.def as data.
#include "dispatch.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <unordered_map>
#include <vector>

#include "cpu.h"

namespace hadamard {

namespace scalar {
extern const KernelTables kernels;
}
#if defined(HADAMARD_X64)
namespace avx2 {
extern const KernelTables kernels;
}
namespace avx512 {
extern const KernelTables kernels;
}
#elif defined(HADAMARD_ARM64)
namespace neon {
extern const KernelTables kernels;
}
#endif

namespace {

struct Line {
  const char *name, *split, *signature;
};

constexpr Line lines[] = {
#define HADAMARD_OP(name, split, signature) {#name, split, signature},
#include "ops.def"
#undef HADAMARD_OP
};

std::vector<Signature> parse_all() {
  std::vector<Signature> parsed;
  for (const Line& line : lines) {
    ParsedSignature result = parse_signature(line.name, line.split, line.signature);
    if (!result.error.empty()) {
      std::fprintf(stderr, "hadamard: ops.def: %s\n", result.error.c_str());
      std::abort();
    }
    parsed.push_back(std::move(result.signature));
  }
  return parsed;
}

}  // namespace

std::span<const Isa> isas() {
  static constexpr Isa all[] = {
#if defined(HADAMARD_X64)
      {"avx512", cpu::has_avx512, &avx512::kernels.f32, &avx512::kernels.f64},
      {"avx2", cpu::has_avx2_and_fma, &avx2::kernels.f32, &avx2::kernels.f64},
#elif defined(HADAMARD_ARM64)
      {"neon", [] { return true; }, &neon::kernels.f32, &neon::kernels.f64},
#endif
      {"scalar", [] { return true; }, &scalar::kernels.f32, &scalar::kernels.f64},
  };
  return all;
}

const Isa* find_isa(std::string_view name) {
  for (const Isa& isa : isas()) {
    if (isa.name == name && isa.supported()) return &isa;
  }
  return nullptr;
}

std::span<const Signature> ops() {
  static const std::vector<Signature> parsed = parse_all();
  return parsed;
}

int find_op(std::string_view name) {
  static const std::unordered_map<std::string_view, int> by_name = [] {
    std::unordered_map<std::string_view, int> map;
    for (const Signature& op : ops()) map.emplace(op.name, static_cast<int>(map.size()));
    return map;
  }();
  const auto found = by_name.find(name);
  return found == by_name.end() ? -1 : found->second;
}

}  // namespace hadamard
