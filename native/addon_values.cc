// One reader per kind of value; a message says what was expected and what came.
#include "addon_values.h"

#include <cmath>
#include <cstdint>

namespace hadamard::addon {
namespace {

const char* name_of(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array: return "Int8Array";
    case napi_uint8_array: return "Uint8Array";
    case napi_uint8_clamped_array: return "Uint8ClampedArray";
    case napi_int16_array: return "Int16Array";
    case napi_uint16_array: return "Uint16Array";
    case napi_int32_array: return "Int32Array";
    case napi_uint32_array: return "Uint32Array";
    case napi_float32_array: return "Float32Array";
    case napi_float64_array: return "Float64Array";
    default: return "another typed array";
  }
}

Index bytes_per_element(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
    case napi_uint8_array:
    case napi_uint8_clamped_array: return 1;
    case napi_int16_array:
    case napi_uint16_array: return 2;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array: return 4;
    default: return 8;
  }
}

napi_typedarray_type type_of(Element element, Dtype dtype) {
  if (element == Element::u32) return napi_uint32_array;
  const bool is_double = element == Element::f64 || dtype == Dtype::float64;
  return is_double ? napi_float64_array : napi_float32_array;
}

// A short print of any value, for messages.
std::string show(const Napi::Value& value) {
  if (value.IsTypedArray()) return name_of(view_of(value, "value").type);
  if (value.IsArray()) return "an array";
  if (value.IsFunction()) return "a function";
  if (value.IsObject()) return "an object";
  if (value.IsSymbol()) return "a symbol";
  if (value.IsString()) return "\"" + value.As<Napi::String>().Utf8Value() + "\"";
  return value.ToString().Utf8Value();
}

[[noreturn]] void mismatch(const Napi::Value& value, const std::string& what, const std::string& expected) {
  fail(value.Env(), what + ": expected " + expected + "; received " + show(value));
}

}  // namespace

// The code of src/error-codes.ts for what the core refuses; TypeScript gives a better one where it knows more.
void fail(Napi::Env env, const std::string& message) {
  constexpr const char* code = "HADAMARD_PROGRAM";
  const Napi::Error error = Napi::Error::New(env, message + " [" + code + "]");
  error.Set("code", code);
  throw error;
}

View view_of(const Napi::Value& value, const std::string& what) {
  if (!value.IsTypedArray()) mismatch(value, what, "a typed array");
  View view;
  std::size_t length = 0;
  napi_value buffer = nullptr;
  // The wrapper class of node-addon-api asks for an ArrayBuffer, which a SharedArrayBuffer is not.
  if (napi_get_typedarray_info(value.Env(), value, &view.type, &length, &view.data, &buffer, nullptr) != napi_ok) {
    fail(value.Env(), what + ": its memory cannot be read");
  }
  bool is_array_buffer = false;
  napi_is_arraybuffer(value.Env(), buffer, &is_array_buffer);
  view.is_shared = !is_array_buffer;
  view.length = static_cast<Index>(length);
  view.bytes = view.length * bytes_per_element(view.type);
  return view;
}

View view_of(const Napi::Value& value, Element element, Dtype dtype, const std::string& what) {
  const napi_typedarray_type expected = type_of(element, dtype);
  if (!value.IsTypedArray()) mismatch(value, what, std::string("a ") + name_of(expected));
  const View view = view_of(value, what);
  if (view.type != expected) mismatch(value, what, std::string("a ") + name_of(expected));
  return view;
}

Dtype dtype_of(const Napi::Value& value) {
  const bool is_double = value.IsTypedArray() && view_of(value, "value").type == napi_float64_array;
  return is_double ? Dtype::float64 : Dtype::float32;
}

Napi::Array array_of(const Napi::Value& value, const std::string& what) {
  if (!value.IsArray()) mismatch(value, what, "an array");
  return value.As<Napi::Array>();
}

Napi::Object object_of(const Napi::Value& value, const std::string& what) {
  if (!value.IsObject()) mismatch(value, what, "an object");
  return value.As<Napi::Object>();
}

std::string string_of(const Napi::Value& value, const std::string& what) {
  if (!value.IsString()) mismatch(value, what, "a string");
  return value.As<Napi::String>().Utf8Value();
}

double number_of(const Napi::Value& value, const std::string& what) {
  if (!value.IsNumber()) mismatch(value, what, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

Index integer_of(const Napi::Value& value, Index least, Index most, std::string_view what) {
  double number = NAN;  // what is no number leaves it so
  napi_get_value_double(value.Env(), value, &number);
  const bool fits = number >= static_cast<double>(least) && number <= static_cast<double>(most);
  if (!fits || number != std::floor(number)) {
    mismatch(value, std::string(what), "an integer in [" + std::to_string(least) + ", " + std::to_string(most) + "]");
  }
  return static_cast<Index>(number);
}

bool boolean_of(const Napi::Value& value, const std::string& what) {
  if (!value.IsBoolean()) mismatch(value, what, "a boolean");
  return value.As<Napi::Boolean>().Value();
}

const Isa& isa_of(const Napi::Value& value) {
  const std::string name = string_of(value, "isa");
  const Isa* const isa = find_isa(name);
  if (isa == nullptr) {
    std::string known;
    for (const Isa& candidate : isas()) {
      if (candidate.supported()) known += (known.empty() ? "" : ", ") + std::string(candidate.name);
    }
    fail(value.Env(), "isa: expected one that this machine runs (" + known + "); received \"" + name + "\"");
  }
  return *isa;
}

}  // namespace hadamard::addon
