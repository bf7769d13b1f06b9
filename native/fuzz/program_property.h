// The property that no program may break: it is refused with a message, or it runs and writes nothing but its own
// outputs. A sanitizer sees what leaves the memory; this sees the rest.
#pragma once

#include <set>
#include <string>

#include "dispatch.h"
#include "program_case.h"

namespace hadamard::fuzz {

struct Verdict {
  std::string refusal;        // the verifier's message
  std::string violation;      // how the property broke; empty where it holds
  std::set<std::string> ran;  // ops that were executed
};

// Links and runs every entry on one and on two threads. Steps that would take long are not run, and a repeat is
// cancelled after some of its steps.
Verdict judge(const ProgramCase& program);

// The one place that knows which kernels belong to which element type.
const KernelTable& kernels_of(const Isa& isa, Dtype dtype);

}  // namespace hadamard::fuzz
