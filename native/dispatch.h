// What this binary can run: the ops by name, and one table of kernels per instruction set. Knows nothing of threads.
#pragma once

#include <span>
#include <string_view>

#include "call.h"
#include "signature.h"

namespace hadamard {

struct Isa {
  const char* name;
  bool (*supported)();
  const KernelTable *f32, *f64;

  const KernelTable& kernels(Dtype dtype) const { return dtype == Dtype::float32 ? *f32 : *f64; }
};

// All that were compiled in, best first; scalar, last, is supported everywhere.
std::span<const Isa> isas();

// Null where the name is unknown or the processor lacks it.
const Isa* find_isa(std::string_view name);

// In ops.def order, which is the order of KernelTable::ops. Aborts at the first use if ops.def does not parse.
std::span<const Signature> ops();

// Index into ops(), -1 for an unknown name.
int find_op(std::string_view name);

}  // namespace hadamard
