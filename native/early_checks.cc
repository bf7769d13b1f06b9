// Tells whether a find_nonfinite behind products finds anything that they have not seen.
#include "early_checks.h"

#include <algorithm>

namespace hadamard {
namespace {

// Smaller results are looked at in less time than another call takes.
constexpr Index least_bytes = 16 * 1024;
// Instructions before the check that are looked at, so that long programs link in linear time.
constexpr std::size_t most_before = 256;

bool touches(const LinkedOp& linked, const Range& range) {
  return std::any_of(linked.ranges.begin(), linked.ranges.end(), [&](const Range& own) { return overlap(own, range); });
}

void add_outputs(const LinkedOp& linked, std::vector<Range>& written) {
  for (std::size_t i = 0; i < linked.ranges.size(); ++i) {
    if (linked.signature->operands[i].is_output) written.push_back(linked.ranges[i]);
  }
}

std::vector<Range> without(const Range& whole, std::vector<Range> parts) {
  std::sort(parts.begin(), parts.end(), [](const Range& a, const Range& b) { return a.offset < b.offset; });
  std::vector<Range> rest;
  Index at = whole.offset;
  for (const Range& part : parts) {
    if (part.offset > at) rest.push_back({whole.buffer, at, part.offset - at});
    at = part.end();
  }
  if (whole.end() > at) rest.push_back({whole.buffer, at, whole.end() - at});
  return rest;
}

// `taken` are the products of checks before this one.
EarlyCheck plan(std::span<const LinkedOp> linked, std::size_t check, const std::vector<bool>& taken) {
  const Range whole = linked[check].ranges[0], flag = linked[check].ranges[1];
  EarlyCheck result{check, {}, {}};
  std::vector<Range> parts, written;
  for (std::size_t i = check; i-- > 0 && check - i <= most_before && !linked[i].is_repeat;) {
    if (linked[i].signature == nullptr) continue;
    if (touches(linked[i], flag)) break;
    const Range made = linked[i].ranges.back();
    const bool is_inside = made.buffer == whole.buffer && made.offset >= whole.offset && made.end() <= whole.end();
    const auto changes = [&](const Range& other) { return overlap(other, made); };
    if (linked[i].signature->name == "matmul_tn" && is_inside && made.bytes >= least_bytes && !taken[i] &&
        std::none_of(written.begin(), written.end(), changes)) {
      result.products.push_back(i);
      parts.push_back(made);
    }
    add_outputs(linked[i], written);
  }
  result.rest = without(whole, std::move(parts));
  return result;
}

}  // namespace

std::vector<EarlyCheck> early_checks(std::span<const Instruction> instructions, std::span<const LinkedOp> linked) {
  std::vector<EarlyCheck> checks;
  std::vector<bool> taken(instructions.size());
  for (std::size_t i = 0; i < instructions.size() && !instructions[i].may_halt; ++i) {
    if (linked[i].signature == nullptr || linked[i].signature->name != "find_nonfinite") continue;
    EarlyCheck check = plan(linked, i, taken);
    for (const std::size_t product : check.products) taken[product] = true;
    if (!check.products.empty()) checks.push_back(std::move(check));
  }
  return checks;
}

}  // namespace hadamard
