// Arguments are numbers in a Float64Array where they are many: reading a property of an object takes as long as a loop over
// a hundred rows.
#include "addon_rows.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace hadamard::addon {
namespace {

// Their places are looked at once: what is written may not change them.
template <class A, class B>
void expect_apart(Napi::Env env, const A& written, const B& read, const char* what) {
  const auto from = [](const auto& elements) { return reinterpret_cast<std::uintptr_t>(elements.data); };
  const auto to = [&](const auto& elements) { return from(elements) + elements.length * sizeof(*elements.data); };
  if (from(written) < to(read) && from(read) < to(written)) fail(env, std::string(what) + ": expected memory of its own");
}

// addMoments(columns, places or undefined, from, to, moments)
Napi::Value add_moments(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  const std::vector<Napi::Value> columns = values_of(array_of(call[0], "columns"));
  const Doubles moments(call[4], "moments");
  const std::size_t width = columns.size();
  moments.expect(env, width * (sizeof(RowMoments) / sizeof(double)), "moments");
  std::vector<const double*> values;
  std::size_t rows = static_cast<std::size_t>(max_safe_integer);
  for (const Napi::Value& column : columns) {
    const Doubles of_column(column, "columns");
    rows = std::min(rows, of_column.length);
    values.push_back(of_column.data);
  }
  auto* const known = reinterpret_cast<RowMoments*>(moments.data);
  if (call[1].IsUndefined()) {
    const std::size_t to = size_of(call[3], rows, "to"), from = size_of(call[2], to, "from");
    for (const double*& column : values) column += from;
    hadamard::add_moments(values.data(), width, nullptr, to - from, known);
    return env.Undefined();
  }
  const Words places(call[1], "places");
  const std::size_t to = size_of(call[3], places.length, "to"), from = size_of(call[2], to, "from");
  check_places(env, places, from, to, rows);
  expect_apart(env, moments, places, "moments");
  hadamard::add_moments(values.data(), width, places.data + from, to - from, known);
  return env.Undefined();
}

// copyRows(columns, rows, places, count, into)
Napi::Value copy_rows(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  const std::vector<Napi::Value> columns = values_of(array_of(call[0], "columns"));
  const Words rows(call[1], "rows"), places(call[2], "places");
  const Doubles into(call[4], "into");
  const std::size_t width = columns.size();
  const std::size_t count = size_of(call[3], std::min(rows.length, places.length), "count");
  check_places(env, places, 0, count, into.length / std::max<std::size_t>(width, 1));
  expect_apart(env, into, rows, "into");
  expect_apart(env, into, places, "into");
  std::vector<RowValues> values;
  for (const Napi::Value& column : columns) {
    const View view = view_of(column, "columns");
    check_places(env, rows, 0, count, static_cast<std::size_t>(view.length));
    if (view.type == napi_int32_array) {
      values.push_back({nullptr, Codes(column, "columns").data});
    } else {
      values.push_back({Doubles(column, "columns").data, nullptr});
    }
  }
  hadamard::copy_rows(values.data(), width, rows.data, places.data, count, into.data);
  return env.Undefined();
}

// drawRows(key, numbers, draws)
Napi::Value draw_rows(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  const Words key(call[0], "key"), draws(call[2], "draws");
  const Doubles numbers(call[1], "numbers");
  key.expect(env, 2, "key");
  draws.expect(env, numbers.length, "draws");
  const bool are_numbers = std::all_of(numbers.data, numbers.data + numbers.length, [](double number) {
    return number >= 0 && number <= static_cast<double>(max_safe_integer);
  });
  if (!are_numbers) fail(env, "numbers: expected row numbers");
  expect_apart(env, draws, numbers, "draws");
  hadamard::draw_rows(key.data, numbers.data, numbers.length, draws.data);
  return env.Undefined();
}

// addHashes(columns of one length, sums)
Napi::Value add_hashes(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  const std::vector<Napi::Value> columns = values_of(array_of(call[0], "columns"));
  const Codes sums(call[1], "sums");
  sums.expect(env, 2 * columns.size(), "sums");
  auto* const known = reinterpret_cast<WordSums*>(sums.data);
  std::vector<const double*> numbers;
  std::vector<WordSums*> of_numbers;
  std::size_t count = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Napi::Value& column = columns[i];
    if (view_of(column, "columns").type == napi_int32_array) {
      const Codes codes(column, "codes");
      add_words(codes.data, codes.length, known[i]);
      continue;
    }
    const Doubles values(column, "values");
    if (!numbers.empty() && values.length != count) fail(env, "columns: expected columns of one length");
    count = values.length;
    numbers.push_back(values.data);
    of_numbers.push_back(&known[i]);
  }
  add_numbers(numbers.data(), numbers.size(), count, of_numbers.data());
  return env.Undefined();
}

// standardise(columns, scales, rows, from, to, x, width, counts): whether all numbers can be encoded
Napi::Value standardise(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  const std::vector<Napi::Value> columns = values_of(array_of(call[0], "columns"));
  const Doubles scales(call[1], "scales"), counts(call[7], "counts");
  const Words rows(call[2], "rows");
  const Floats x(call[5], "x");
  const std::size_t to = size_of(call[4], rows.length, "to"), from = size_of(call[3], to, "from");
  const std::size_t width = size_of(call[6], x.length, "width");
  if (to > x.length / std::max<std::size_t>(width, 1)) fail(env, "x: expected room for all rows");
  expect_apart(env, x, rows, "x");
  expect_apart(env, x, scales, "x");
  expect_apart(env, counts, rows, "counts");
  expect_apart(env, counts, scales, "counts");
  const StandardisedColumns known(env, columns, scales, width, false);
  const std::size_t count = columns.size();
  counts.expect(env, count * (sizeof(StandardisedCounts) / sizeof(double)), "counts");
  check_places(env, rows, from, to, known.rows);
  return Napi::Boolean::New(env, standardise_rows(known.values.data(), known.scales.data(), count, rows.data, from, to, x.data,
                                                  width, reinterpret_cast<StandardisedCounts*>(counts.data)));
}

// checksum(bytes)
Napi::Value checksum(const Napi::CallbackInfo& call) {
  const Octets bytes(call[0], "bytes");
  return Napi::Number::New(call.Env(), checksum_of(bytes.data, bytes.length));
}

template <Napi::Value (*function)(const Napi::CallbackInfo&)>
Napi::Value guarded(const Napi::CallbackInfo& call) {
  return guard(call.Env(), [&] { return function(call); });
}

}  // namespace

void check_places(Napi::Env env, const Words& places, std::size_t from, std::size_t to, std::size_t rows) {
  std::uint32_t largest = 0;
  for (std::size_t i = from; i < to; ++i) largest = std::max(largest, places.data[i]);
  if (from < to && largest >= rows) fail(env, "rows: expected places in the column");
}

StandardisedColumns::StandardisedColumns(Napi::Env env, const std::vector<Napi::Value>& columns, const Doubles& numbers,
                                         std::size_t width, bool must_be_shared) {
  numbers.expect(env, columns.size() * (sizeof(Standardising) / sizeof(double)), "scales");
  const auto* const by = reinterpret_cast<const Standardising*>(numbers.data);
  scales.assign(by, by + columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Doubles column(columns[i], "values");
    if (must_be_shared && !view_of(columns[i], "values").is_shared) fail(env, "values: expected shared memory");
    const double room = static_cast<double>(width) - (scales[i].has_indicator != 0 ? 1 : 0);
    const bool is_place = scales[i].offset >= 0 && scales[i].offset < room && scales[i].offset == std::floor(scales[i].offset);
    if (!is_place) fail(env, "offset: expected the place of an input in a row");
    values.push_back(column.data);
    rows = std::min(rows, column.length);
  }
}

void define_row_loops(Napi::Env env, Napi::Object exports) {
  Napi::Object loops = Napi::Object::New(env);
  loops.Set("addMoments", Napi::Function::New(env, guarded<add_moments>, "addMoments"));
  loops.Set("copyRows", Napi::Function::New(env, guarded<copy_rows>, "copyRows"));
  loops.Set("drawRows", Napi::Function::New(env, guarded<draw_rows>, "drawRows"));
  loops.Set("addHashes", Napi::Function::New(env, guarded<add_hashes>, "addHashes"));
  loops.Set("standardise", Napi::Function::New(env, guarded<standardise>, "standardise"));
  loops.Set("checksum", Napi::Function::New(env, guarded<checksum>, "checksum"));
  exports.Set("rowLoops", loops);
}

}  // namespace hadamard::addon
