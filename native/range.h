// A piece of a program's memory.
#pragma once

#include "call.h"

namespace hadamard {

struct Range {
  Index buffer = 0, offset = 0, bytes = 0;

  Index end() const { return offset + bytes; }
};

inline bool overlap(const Range& a, const Range& b) {
  return a.buffer == b.buffer && a.bytes > 0 && b.bytes > 0 && a.offset < b.end() && b.offset < a.end();
}

}  // namespace hadamard
