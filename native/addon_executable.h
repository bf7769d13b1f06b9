// The JavaScript class Executable: a linked program with its arena and its runs.
#pragma once

#include <napi.h>

namespace hadamard::addon {

void define_executable(Napi::Env env, Napi::Object exports);

}  // namespace hadamard::addon
