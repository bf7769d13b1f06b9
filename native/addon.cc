// The module's exports: info, eager ops, gemm and the Executable class. Together with addon_*.cc the only code that
// knows JavaScript; holds no arithmetic.
#include <napi.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "addon_csv.h"
#include "addon_csv_reader.h"
#include "addon_executable.h"
#include "addon_rows.h"
#include "addon_values.h"
#include "cpu.h"
#include "dispatch.h"

namespace hadamard::addon {
namespace {

Napi::Value info(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  Napi::Array compiled = Napi::Array::New(env), isa_names = Napi::Array::New(env);
  for (const Isa& isa : isas()) {
    compiled.Set(compiled.Length(), isa.name);
    if (isa.supported()) isa_names.Set(isa_names.Length(), isa.name);
  }
  Napi::Array op_list = Napi::Array::New(env);
  for (const Signature& op : ops()) {
    Napi::Object row = Napi::Object::New(env);
    row.Set("name", op.name);
    row.Set("split", op.split);
    row.Set("signature", op.text);
    op_list.Set(op_list.Length(), row);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("isas", isa_names);
  result.Set("compiled", compiled);
  result.Set("cores", cpu::available_cores());
  result.Set("ops", op_list);
  return result;
}

bool overlaps(const View& a, const View& b) {
  if (a.bytes == 0 || b.bytes == 0) return false;
  const auto a_start = reinterpret_cast<std::uintptr_t>(a.data), b_start = reinterpret_cast<std::uintptr_t>(b.data);
  return a_start < b_start + static_cast<std::uintptr_t>(b.bytes) &&
         b_start < a_start + static_cast<std::uintptr_t>(a.bytes);
}

// Narrows each view to the elements that its shape names, and refuses what the signature forbids.
void check_operands(Napi::Env env, const Signature& op, Dtype dtype, const std::vector<Index>& dims,
                    std::vector<View>& views) {
  for (std::size_t i = 0; i < views.size(); ++i) {
    const Operand& operand = op.operands[i];
    const Index count = element_count(operand, dims);
    if (count < 0 || views[i].length < count) {
      fail(env, op.name + ", operand " + operand.name + ": expected " +
                    (count < 0 ? "fewer than 2^52 elements in its shape"
                               : "at least " + std::to_string(count) + " elements") +
                    "; received " + std::to_string(views[i].length) + " (a detached array has 0)");
    }
    views[i].length = count;
    views[i].bytes = count * bytes_of(operand.element, dtype);
  }
  for (std::size_t i = 0; i < views.size(); ++i) {
    const Operand& output = op.operands[i];
    for (std::size_t j = 0; output.is_output && j < views.size(); ++j) {
      if (i == j || !overlaps(views[i], views[j])) continue;
      const bool is_allowed = std::find(output.alias.begin(), output.alias.end(), j) != output.alias.end();
      if (is_allowed && views[i].data == views[j].data && views[i].bytes == views[j].bytes) continue;
      fail(env, op.name + ": output " + output.name + " may not overlap " + op.operands[j].name +
                    (is_allowed ? " unless it is exactly the same memory" : ""));
    }
  }
}

// call(isa, op, dims, scalars, operands, rows = capacity, cursor = 0); the first array of floats tells the element type.
Napi::Value call_op(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  const Isa& isa = isa_of(call[0]);
  const std::string name = string_of(call[1], "op");
  const int index = find_op(name);
  if (index < 0) fail(env, "op: expected a name from info().ops; received \"" + name + "\"");
  const Signature& op = ops()[static_cast<std::size_t>(index)];
  const auto sized = [&](const Napi::Value& value, const char* what, std::size_t count) {
    const Napi::Array list = array_of(value, name + ", " + what);
    if (list.Length() == count) return list;
    fail(env, name + ": expected " + std::to_string(count) + " " + what + ", as in " + op.text + "; received " +
                  std::to_string(list.Length()));
  };
  const Napi::Array dim_list = sized(call[2], "dims", op.dims.size());
  const Napi::Array scalar_list = sized(call[3], "scalars", op.scalars.size());
  const Napi::Array operand_list = sized(call[4], "operands", op.operands.size());

  std::vector<Index> dims;
  for (std::uint32_t i = 0; i < op.dims.size(); ++i) {
    dims.push_back(integer_of(dim_list[i], 0, max_dim, name + ", dim " + op.dims[i]));
  }
  std::vector<double> scalars;
  for (std::uint32_t i = 0; i < op.scalars.size(); ++i) {
    scalars.push_back(number_of(scalar_list[i], name + ", scalar " + op.scalars[i]));
  }
  const Index capacity = op.rows_dim < 0 ? 0 : dims[static_cast<std::size_t>(op.rows_dim)];
  const Index rows = call[5].IsUndefined() ? capacity : integer_of(call[5], 0, capacity, name + ", rows");
  const Index cursor = call[6].IsUndefined() ? 0 : integer_of(call[6], 0, max_safe_integer, name + ", cursor");
  // Values first, memory last: a getter on the lists could otherwise detach what was already looked at.
  std::vector<Napi::Value> values;
  for (std::uint32_t i = 0; i < op.operands.size(); ++i) values.push_back(operand_list[i]);
  const auto own = std::find_if(op.operands.begin(), op.operands.end(),
                                [](const Operand& operand) { return operand.element == Element::own; });
  const Dtype dtype = own == op.operands.end() ? Dtype::float32
                                               : dtype_of(values[static_cast<std::size_t>(own - op.operands.begin())]);
  std::vector<View> views;
  for (std::size_t i = 0; i < values.size(); ++i) {
    views.push_back(view_of(values[i], op.operands[i].element, dtype, name + ", operand " + op.operands[i].name));
  }
  check_operands(env, op, dtype, dims, views);
  // Two billion rows of nothing would otherwise be walked one by one.
  bool has_output = false;
  for (std::size_t i = 0; i < views.size(); ++i) has_output |= op.operands[i].is_output && views[i].bytes > 0;
  if (!has_output) return env.Undefined();

  std::vector<void*> pointers;
  for (const View& view : views) pointers.push_back(view.data);
  Index end = dims.empty() ? 1 : dims[0];
  if (op.split_dim >= 0) end = dims[static_cast<std::size_t>(op.split_dim)];
  if (op.split_dim == op.rows_dim && op.rows_dim >= 0) end = rows;
  isa.kernels(dtype).ops[index]({.dims = dims.data(), .scalars = scalars.data(), .operands = pointers.data(),
                                 .rows = rows, .cursor = cursor, .begin = 0, .end = end});
  return env.Undefined();
}

// The part of the view that a rows×cols matrix with this leading dimension covers.
View matrix_of(const Napi::Value& value, Dtype dtype, Index rows, Index cols, Index stride, const std::string& what) {
  View view = view_of(value, Element::own, dtype, "gemm, " + what);
  if (stride < std::max<Index>(1, cols)) {
    fail(value.Env(), "gemm: expected ld" + what + " >= " + std::to_string(std::max<Index>(1, cols)) +
                          ", the columns of " + what + " in memory; received " + std::to_string(stride));
  }
  // rows and stride are below 2^31 + 1, so the product fits.
  const Index needed = rows == 0 || cols == 0 ? 0 : (rows - 1) * stride + cols;
  if (view.length < needed) {
    fail(value.Env(), "gemm, " + what + ": expected at least " + std::to_string(needed) + " elements for " +
                          std::to_string(rows) + " rows of " + std::to_string(cols) + " with stride " +
                          std::to_string(stride) + "; received " + std::to_string(view.length));
  }
  view.bytes = needed * bytes_of(Element::own, dtype);
  return view;
}

// gemm(isa, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
Napi::Value gemm(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  const Isa& isa = isa_of(call[0]);
  Gemm g{};
  g.trans_a = boolean_of(call[1], "gemm, transA");
  g.trans_b = boolean_of(call[2], "gemm, transB");
  g.m = integer_of(call[3], 0, max_dim, "gemm, m");
  g.n = integer_of(call[4], 0, max_dim, "gemm, n");
  g.k = integer_of(call[5], 0, max_dim, "gemm, k");
  g.alpha = number_of(call[6], "gemm, alpha");
  g.lda = integer_of(call[8], 1, max_dim, "gemm, lda");
  g.ldb = integer_of(call[10], 1, max_dim, "gemm, ldb");
  g.beta = number_of(call[11], "gemm, beta");
  g.ldc = integer_of(call[13], 1, max_dim, "gemm, ldc");
  const Dtype dtype = dtype_of(call[7]);
  const View a = matrix_of(call[7], dtype, g.trans_a ? g.k : g.m, g.trans_a ? g.m : g.k, g.lda, "a");
  const View b = matrix_of(call[9], dtype, g.trans_b ? g.n : g.k, g.trans_b ? g.k : g.n, g.ldb, "b");
  const View c = matrix_of(call[12], dtype, g.m, g.n, g.ldc, "c");
  if (overlaps(c, a) || overlaps(c, b)) fail(env, "gemm: c may not overlap a or b");
  if (g.m == 0 || g.n == 0) return env.Undefined();
  g.a = a.data;
  g.b = b.data;
  g.c = c.data;
  g.begin = 0;
  g.end = g.m;
  isa.kernels(dtype).gemm(g);
  return env.Undefined();
}

// No C++ exception may cross N-API but Napi::Error, which the wrapper itself turns into a JavaScript one.
template <Napi::Value (*function)(const Napi::CallbackInfo&)>
Napi::Value guarded(const Napi::CallbackInfo& call) {
  return guard(call.Env(), [&] { return function(call); });
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("info", Napi::Function::New(env, guarded<info>, "info"));
  exports.Set("call", Napi::Function::New(env, guarded<call_op>, "call"));
  exports.Set("gemm", Napi::Function::New(env, guarded<gemm>, "gemm"));
  exports.Set("parseCsv", Napi::Function::New(env, guarded<parse_csv>, "parseCsv"));
  define_csv_reader(env, exports);
  define_executable(env, exports);
  define_row_loops(env, exports);
  define_row_jobs(env, exports);
  return exports;
}

}  // namespace
}  // namespace hadamard::addon

// The macro wants a name in the global namespace.
static Napi::Object initialize_hadamard(Napi::Env env, Napi::Object exports) {
  return hadamard::addon::initialize(env, exports);
}

NODE_API_MODULE(hadamard, initialize_hadamard)
