// Asks the operating system to map memory in large pages: rows picked at random from a data set fall on another page
// each, and the processor remembers few of them. A wish, which may be refused without harm.
#pragma once

#include "call.h"

namespace hadamard {

void prefer_huge_pages(const void* data, Index bytes);

}  // namespace hadamard
