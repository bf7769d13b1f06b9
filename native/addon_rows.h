// Rows of files larger than memory, between JavaScript and row_loops.h.
#pragma once

#include <napi.h>

#include <cstddef>
#include <vector>

#include "addon_values.h"
#include "row_loops.h"

namespace hadamard::addon {

// Columns of numbers that become inputs of rows of `width`, and how.
struct StandardisedColumns {
  std::vector<const double*> values;
  std::vector<Standardising> scales;
  std::size_t rows = static_cast<std::size_t>(max_safe_integer);  // that all columns have

  StandardisedColumns(Napi::Env env, const std::vector<Napi::Value>& columns, const Doubles& numbers, std::size_t width,
                      bool must_be_shared);
};

// Throws where one of places [from, to) is none of so many rows.
void check_places(Napi::Env env, const Words& places, std::size_t from, std::size_t to, std::size_t rows);

// What is called and has its answer.
void define_row_loops(Napi::Env env, Napi::Object exports);

// What runs on a thread of the pool.
void define_row_jobs(Napi::Env env, Napi::Object exports);

}  // namespace hadamard::addon
