// The export CsvReader: blocks of CSV records parsed on threads of their own.
#pragma once

#include <napi.h>

namespace hadamard::addon {

void define_csv_reader(Napi::Env env, Napi::Object exports);

}  // namespace hadamard::addon
