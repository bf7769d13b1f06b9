// Rows of files larger than memory, between JavaScript and row_loops.h.
#pragma once

#include <napi.h>

namespace hadamard::addon {

void define_row_loops(Napi::Env env, Napi::Object exports);

}  // namespace hadamard::addon
