// Arguments are numbers in a Float64Array where they are many: reading a property of an object takes as long as a loop over
// a hundred rows.
#include "addon_rows.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "addon_values.h"
#include "file_read.h"
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

// Their places are looked at once: what is written may not change them.
template <class A, class B>
void expect_apart(Napi::Env env, const A& written, const B& read, const char* what) {
  const auto from = [](const auto& elements) { return reinterpret_cast<std::uintptr_t>(elements.data); };
  const auto to = [&](const auto& elements) { return from(elements) + elements.length * sizeof(*elements.data); };
  if (from(written) < to(read) && from(read) < to(written)) fail(env, std::string(what) + ": expected memory of its own");
}

// All of them before their memory is asked for: JavaScript may run where an array is read.
std::vector<Napi::Value> values_of(const Napi::Array& array) {
  std::vector<Napi::Value> values(array.Length());
  for (std::uint32_t i = 0; i < values.size(); ++i) values[i] = array[i];
  return values;
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
  const std::size_t count = columns.size();
  scales.expect(env, count * (sizeof(Standardising) / sizeof(double)), "scales");
  counts.expect(env, count * (sizeof(StandardisedCounts) / sizeof(double)), "counts");
  const std::size_t to = size_of(call[4], rows.length, "to"), from = size_of(call[3], to, "from");
  const std::size_t width = size_of(call[6], x.length, "width");
  if (to > x.length / std::max<std::size_t>(width, 1)) fail(env, "x: expected room for all rows");
  expect_apart(env, x, rows, "x");
  expect_apart(env, x, scales, "x");
  expect_apart(env, counts, rows, "counts");
  expect_apart(env, counts, scales, "counts");
  const std::uint32_t* const last = std::max_element(rows.data + from, rows.data + to);
  const auto* const by = reinterpret_cast<const Standardising*>(scales.data);
  std::vector<const double*> values;
  for (std::size_t i = 0; i < count; ++i) {
    const Doubles column(columns[i], "values");
    if (from < to && *last >= column.length) fail(env, "rows: expected places in the column");
    const double room = static_cast<double>(width) - (by[i].has_indicator != 0 ? 1 : 0);
    const bool is_place = by[i].offset >= 0 && by[i].offset < room && by[i].offset == std::floor(by[i].offset);
    if (!is_place) fail(env, "offset: expected the place of an input in a row");
    values.push_back(column.data);
  }
  auto* const known = reinterpret_cast<StandardisedCounts*>(counts.data);
  return Napi::Boolean::New(
      env, standardise_rows(values.data(), by, count, rows.data, from, to, x.data, width, known));
}

// checksum(bytes)
Napi::Value checksum(const Napi::CallbackInfo& call) {
  const Octets bytes(call[0], "bytes");
  return Napi::Number::New(call.Env(), checksum_of(bytes.data, bytes.length));
}

// Pieces of a file, read one behind the other on a thread of the pool. What they go to is kept alive by a reference to an array
// that nobody else has.
class PieceReader : public Napi::AsyncWorker {
 public:
  struct Piece {
    std::uint64_t offset;
    std::uint8_t* into;
    std::size_t length;
  };

  PieceReader(int file, std::vector<Piece> pieces, const Napi::Array& views, const Napi::Function& on_done)
      : AsyncWorker(on_done, "hadamard rows"),
        file_(file),
        pieces_(std::move(pieces)),
        views_(Napi::Persistent(views.As<Napi::Object>())) {}

  void Execute() override {
    is_read_ = std::all_of(pieces_.begin(), pieces_.end(), [this](const Piece& piece) {
      return read_file_at(file_, piece.offset, piece.into, piece.length) == piece.length;
    });
  }

  void OnOK() override { Callback().Call({Napi::Boolean::New(Env(), is_read_)}); }

 private:
  const int file_;
  const std::vector<Piece> pieces_;
  const Napi::ObjectReference views_;
  bool is_read_ = false;
};

// readPieces(descriptor, offsets, views, onDone): fills each view from its offset on; onDone(whether all were filled)
Napi::Value read_pieces(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  const auto file = static_cast<int>(integer_of(call[0], 0, (Index{1} << 31) - 1, "descriptor"));
  const std::vector<Napi::Value> views = values_of(array_of(call[2], "views"));
  const Doubles offsets(call[1], "offsets");
  if (views.size() != offsets.length) {
    fail(env, "views: expected as many as offsets, " + std::to_string(offsets.length) + "; received " +
                  std::to_string(views.size()));
  }
  if (!call[3].IsFunction()) fail(env, "onDone: expected a function");
  const Napi::Array kept = Napi::Array::New(env, views.size());
  std::vector<PieceReader::Piece> pieces(views.size());
  for (std::uint32_t i = 0; i < views.size(); ++i) {
    kept.Set(i, views[i]);
    const View view = view_of(views[i], "views");
    if (!view.is_shared || view.type != napi_uint8_array) fail(env, "views: expected Uint8Arrays on shared memory");
    const double offset = offsets.data[i];
    if (!(offset >= 0 && offset <= static_cast<double>(max_safe_integer))) fail(env, "offsets: expected places in a file");
    pieces[i] = {static_cast<std::uint64_t>(offset), static_cast<std::uint8_t*>(view.data),
                 static_cast<std::size_t>(view.bytes)};
  }
  (new PieceReader(file, std::move(pieces), kept, call[3].As<Napi::Function>()))->Queue();
  return env.Undefined();
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
  loops.Set("addHashes", Napi::Function::New(env, guarded<add_hashes>, "addHashes"));
  loops.Set("standardise", Napi::Function::New(env, guarded<standardise>, "standardise"));
  loops.Set("checksum", Napi::Function::New(env, guarded<checksum>, "checksum"));
  exports.Set("rowLoops", loops);
  exports.Set("readPieces", Napi::Function::New(env, guarded<read_pieces>, "readPieces"));
}

}  // namespace hadamard::addon
