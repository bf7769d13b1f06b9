// JavaScript values to plain C++ ones, checked. Everything here throws Napi::Error, which keeps the caller's stack.
#pragma once

#include <napi.h>

#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "dispatch.h"

namespace hadamard::addon {

// A typed array's memory. Valid until JavaScript runs again, unless it lies on a SharedArrayBuffer that is referenced.
struct View {
  void* data = nullptr;
  Index length = 0;
  Index bytes = 0;
  napi_typedarray_type type = napi_uint8_array;
  bool is_shared = false;
};

[[noreturn]] void fail(Napi::Env env, const std::string& message);

// Runs the body of a call: an exception of the standard library becomes one of JavaScript.
template <class Body>
auto guard(Napi::Env env, Body body) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    fail(env, error.what());
  }
}

View view_of(const Napi::Value& value, const std::string& what);

// A view that must hold this element type; `what` names the argument in the message.
View view_of(const Napi::Value& value, Element element, Dtype dtype, const std::string& what);

// The element type that an array of floating-point numbers stands for: float64 for a Float64Array.
Dtype dtype_of(const Napi::Value& value);

Napi::Array array_of(const Napi::Value& value, const std::string& what);
Napi::Object object_of(const Napi::Value& value, const std::string& what);
std::string string_of(const Napi::Value& value, const std::string& what);
double number_of(const Napi::Value& value, const std::string& what);
Index integer_of(const Napi::Value& value, Index least, Index most, std::string_view what);
bool boolean_of(const Napi::Value& value, const std::string& what);
const Isa& isa_of(const Napi::Value& value);

constexpr Index max_safe_integer = (Index{1} << 53) - 1;

// All of them before their memory is asked for: JavaScript may run where an array is read.
inline std::vector<Napi::Value> values_of(const Napi::Array& array) {
  std::vector<Napi::Value> values(array.Length());
  for (std::uint32_t i = 0; i < values.size(); ++i) values[i] = array[i];
  return values;
}

// The memory of a typed array of one kind.
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

inline std::size_t size_of(const Napi::Value& value, std::size_t most, const char* what) {
  return static_cast<std::size_t>(integer_of(value, 0, static_cast<Index>(most), what));
}

}  // namespace hadamard::addon
