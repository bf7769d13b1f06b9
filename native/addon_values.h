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

}  // namespace hadamard::addon
