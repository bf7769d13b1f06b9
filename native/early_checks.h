// Which products look for infinities and NaN themselves, while their results are in registers, so that find_nonfinite only
// looks at the rest of its vector.
#pragma once

#include <span>
#include <vector>

#include "program.h"
#include "range.h"
#include "signature.h"

namespace hadamard {

// What the linker knows of an instruction.
struct LinkedOp {
  const Signature* signature = nullptr;  // none for a barrier or a repeat
  std::vector<Range> ranges;             // of its operands
  bool is_repeat = false;
};

// A find_nonfinite of which products do a part.
struct EarlyCheck {
  std::size_t check;                  // instruction
  std::vector<std::size_t> products;  // instructions that raise its flag instead
  std::vector<Range> rest;            // what is left of its vector, in order
};

// Those of an entry, in order. A product counts where nothing changes its result or touches the flag before the check, and
// where no instruction before that can have halted the run: a flag raised early would tell of a check that is never reached.
std::vector<EarlyCheck> early_checks(std::span<const Instruction> instructions, std::span<const LinkedOp> linked);

}  // namespace hadamard
