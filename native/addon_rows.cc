// Arguments are numbers in a Float64Array where they are many: reading a property of an object takes as long as a loop over
// a hundred rows.
#include "addon_rows.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include "addon_values.h"
#include "row_loops.h"

namespace hadamard::addon {
namespace {

template <typename T, napi_typedarray_type type>
struct Elements {
  T* data;
  std::size_t length;

  Elements(const Napi::Value& value, const char* what) {
    const View view = view_of(value, what);
    if (view.type != type) fail(value.Env(), std::string(what) + ": expected a typed array of another kind");
    data = static_cast<T*>(view.data);
    length = static_cast<std::size_t>(view.length);
  }

  void expect(Napi::Env env, std::size_t least, const char* what) const {
    if (length >= least) return;
    fail(env, std::string(what) + ": expected at least " + std::to_string(least) + " elements; received " +
                  std::to_string(length));
  }
};

using Doubles = Elements<double, napi_float64_array>;
using Floats = Elements<float, napi_float32_array>;
using Words = Elements<std::uint32_t, napi_uint32_array>;
using Codes = Elements<std::int32_t, napi_int32_array>;
using Octets = Elements<std::uint8_t, napi_uint8_array>;

std::size_t size_of(const Napi::Value& value, std::size_t most, const char* what) {
  return static_cast<std::size_t>(integer_of(value, 0, static_cast<Index>(most), what));
}

void check_places(Napi::Env env, const Words& places, std::size_t from, std::size_t to, std::size_t rows) {
  std::uint32_t largest = 0;
  for (std::size_t i = from; i < to; ++i) largest = std::max(largest, places.data[i]);
  if (from < to && largest >= rows) fail(env, "rows: expected places in the column");
}

// addMoments(values, places or undefined, from, to, moments)
Napi::Value add_moments(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  const Doubles values(call[0], "values"), moments(call[4], "moments");
  moments.expect(env, sizeof(RowMoments) / sizeof(double), "moments");
  auto& known = *reinterpret_cast<RowMoments*>(moments.data);
  if (call[1].IsUndefined()) {
    const std::size_t to = size_of(call[3], values.length, "to"), from = size_of(call[2], to, "from");
    hadamard::add_moments(values.data + from, nullptr, to - from, known);
    return env.Undefined();
  }
  const Words places(call[1], "places");
  const std::size_t to = size_of(call[3], places.length, "to"), from = size_of(call[2], to, "from");
  check_places(env, places, from, to, values.length);
  hadamard::add_moments(values.data, places.data + from, to - from, known);
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
  hadamard::draw_rows(key.data, numbers.data, numbers.length, draws.data);
  return env.Undefined();
}

// addHash(values or codes, sums, place)
Napi::Value add_hash(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  const Codes sums(call[1], "sums");
  const std::size_t place = size_of(call[2], sums.length, "place");
  sums.expect(env, place + 2, "sums");
  WordSums known{static_cast<std::uint32_t>(sums.data[place]), static_cast<std::uint32_t>(sums.data[place + 1])};
  if (view_of(call[0], "values").type == napi_float64_array) {
    const Doubles values(call[0], "values");
    add_numbers(values.data, values.length, known);
  } else {
    const Codes codes(call[0], "codes");
    add_words(codes.data, codes.length, known);
  }
  sums.data[place] = static_cast<std::int32_t>(known.first);
  sums.data[place + 1] = static_cast<std::int32_t>(known.second);
  return env.Undefined();
}

// standardise(values, rows, from, to, x, offset, width, [mean, deviation, low, high], hasIndicator, counts)
Napi::Value standardise(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  const Doubles values(call[0], "values"), numbers(call[7], "scale"), counts(call[9], "counts");
  const Words rows(call[1], "rows");
  const Floats x(call[4], "x");
  numbers.expect(env, 4, "scale");
  counts.expect(env, 2, "counts");
  const std::size_t to = size_of(call[3], rows.length, "to"), from = size_of(call[2], to, "from");
  const std::size_t width = size_of(call[6], x.length, "width"), offset = size_of(call[5], width, "offset");
  const Standardising scale{offset,          width,           numbers.data[0], numbers.data[1],
                            numbers.data[2], numbers.data[3], boolean_of(call[8], "hasIndicator")};
  if (offset + (scale.has_indicator ? 2 : 1) > width) fail(env, "offset: expected the place of an input in a row");
  // Both are below 2^53, and a row of no elements has failed before.
  if (to > x.length / std::max<std::size_t>(width, 1)) fail(env, "x: expected room for all rows");
  check_places(env, rows, from, to, values.length);
  auto& known = *reinterpret_cast<StandardisedCounts*>(counts.data);
  return Napi::Number::New(
      env, static_cast<double>(standardise_rows(scale, values.data, rows.data, from, to, x.data, known)));
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

void define_row_loops(Napi::Env env, Napi::Object exports) {
  Napi::Object loops = Napi::Object::New(env);
  loops.Set("addMoments", Napi::Function::New(env, guarded<add_moments>, "addMoments"));
  loops.Set("drawRows", Napi::Function::New(env, guarded<draw_rows>, "drawRows"));
  loops.Set("addHash", Napi::Function::New(env, guarded<add_hash>, "addHash"));
  loops.Set("standardise", Napi::Function::New(env, guarded<standardise>, "standardise"));
  loops.Set("checksum", Napi::Function::New(env, guarded<checksum>, "checksum"));
  exports.Set("rowLoops", loops);
}

}  // namespace hadamard::addon
