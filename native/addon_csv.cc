#include "addon_csv.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "addon_values.h"
#include "csv.h"

namespace hadamard::addon {
namespace {

std::span<const std::uint8_t> octets_of(const Napi::Value& value, const std::string& what) {
  const View view = view_of(value, what);
  if (view.type != napi_uint8_array) fail(value.Env(), what + ": expected a Uint8Array");
  return {static_cast<const std::uint8_t*>(view.data), static_cast<std::size_t>(view.length)};
}

template <typename TypedArray, typename T>
TypedArray array_from(Napi::Env env, const std::vector<T>& values) {
  TypedArray array = TypedArray::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

Napi::Object column_object(Napi::Env env, const CsvColumn& column) {
  Napi::Object object = Napi::Object::New(env);
  if (column.is_numeric) {
    object.Set("values", array_from<Napi::Float64Array>(env, column.values));
  } else {
    object.Set("codes", array_from<Napi::Int32Array>(env, column.codes));
    Napi::Array categories = Napi::Array::New(env, column.categories.size());
    for (std::uint32_t i = 0; i < column.categories.size(); ++i) {
      Napi::HandleScope scope(env);
      categories.Set(i, Napi::String::New(env, column.categories[i]));
    }
    object.Set("categories", categories);
  }
  object.Set("missing", static_cast<double>(column.missing));
  return object;
}

}  // namespace

Napi::Object failure_object(Napi::Env env, const CsvFailure& failure) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("error", csv_error_name(failure.error));
  object.Set("line", static_cast<double>(failure.line));
  object.Set("column", static_cast<double>(failure.column));
  object.Set("start", static_cast<double>(failure.start));
  object.Set("end", static_cast<double>(failure.end));
  object.Set("found", static_cast<double>(failure.found));
  return object;
}

Napi::Value parse_csv(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  CsvOptions options;
  options.start = static_cast<std::size_t>(integer_of(call[1], 0, max_safe_integer, "parseCsv, start"));
  options.line = static_cast<std::size_t>(integer_of(call[2], 1, max_safe_integer, "parseCsv, line"));
  options.delimiter = static_cast<std::uint8_t>(integer_of(call[3], 1, 127, "parseCsv, delimiter"));
  const Napi::Array missing = array_of(call[5], "parseCsv, missing");
  for (std::uint32_t i = 0; i < missing.Length(); ++i) options.missing.push_back(string_of(missing[i], "parseCsv, missing"));
  options.allow_missing = boolean_of(call[6], "parseCsv, allowMissing");
  for (const std::uint8_t type : octets_of(call[4], "parseCsv, declared")) options.declared.push_back(static_cast<CsvType>(type));

  CsvBody body = hadamard::parse_csv(octets_of(call[0], "parseCsv, bytes"), options);
  if (body.failure.error != CsvError::none) return failure_object(env, body.failure);
  Napi::Array columns = Napi::Array::New(env, body.columns.size());
  for (std::uint32_t i = 0; i < body.columns.size(); ++i) {
    columns.Set(i, column_object(env, body.columns[i]));
    body.columns[i] = {};
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("rows", static_cast<double>(body.rows));
  result.Set("columns", columns);
  return result;
}

}  // namespace hadamard::addon
