// A program with the memory and the batch that the fuzzer gives it, and its text form. Ops stand there by name and
// numbers in decimals, so that a kept input can be read and means the same when ops.def grows.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "program.h"

namespace hadamard::fuzz {

struct ProgramCase {
  std::string isa = "scalar";
  ProgramSource source;
  std::vector<Index> buffers;   // bytes of the read-only buffers 1, 2, …
  Index rows = -1, cursor = 0;  // the batch of entries that repeat nothing
  Index fill = 0;               // what stands in memory before a run
};

// Lines of a keyword and its values, as print_case() writes them. What is no such line counts for nothing: every text
// is a case, of a size that is quickly linked.
ProgramCase parse_case(std::string_view text);

std::string print_case(const ProgramCase& program);

}  // namespace hadamard::fuzz
