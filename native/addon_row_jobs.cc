// Work on rows and their files that runs on a thread of the pool. The memory that it reads and writes is shared, so that nobody
// can take it away, and kept alive by a reference.
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "addon_rows.h"
#include "file_pieces.h"

namespace hadamard::addon {
namespace {

class RowJob : public Napi::AsyncWorker {
 public:
  RowJob(Napi::Env env, const Napi::Value& on_done, const std::vector<Napi::Value>& memory)
      : AsyncWorker(function_of(on_done), "hadamard rows"), memory_(Napi::Persistent(array_with(env, memory))) {}

  void OnOK() override { Callback().Call({result()}); }

 private:
  virtual Napi::Value result() = 0;

  static Napi::Function function_of(const Napi::Value& on_done) {
    if (!on_done.IsFunction()) fail(on_done.Env(), "onDone: expected a function");
    return on_done.As<Napi::Function>();
  }

  // One that nobody else has.
  static Napi::Object array_with(Napi::Env env, const std::vector<Napi::Value>& memory) {
    Napi::Array kept = Napi::Array::New(env, memory.size());
    for (std::uint32_t i = 0; i < memory.size(); ++i) kept.Set(i, memory[i]);
    return kept;
  }

  const Napi::ObjectReference memory_;
};

struct FilePiece {
  std::uint64_t offset;
  std::uint8_t* bytes;
  std::size_t length;
};

std::vector<FilePiece> pieces_of(const Napi::Value& given_offsets, const std::vector<Napi::Value>& views) {
  const Napi::Env env = given_offsets.Env();
  const Doubles offsets(given_offsets, "offsets");
  if (views.size() != offsets.length) {
    fail(env, "views: expected as many as offsets, " + std::to_string(offsets.length) + "; received " +
                  std::to_string(views.size()));
  }
  std::vector<FilePiece> pieces(views.size());
  for (std::size_t i = 0; i < views.size(); ++i) {
    const View view = view_of(views[i], "views");
    if (!view.is_shared || view.type != napi_uint8_array) fail(env, "views: expected Uint8Arrays on shared memory");
    const double offset = offsets.data[i];
    if (!(offset >= 0 && offset <= static_cast<double>(max_safe_integer))) fail(env, "offsets: expected places in a file");
    pieces[i] = {static_cast<std::uint64_t>(offset), static_cast<std::uint8_t*>(view.data),
                 static_cast<std::size_t>(view.bytes)};
  }
  return pieces;
}

int descriptor_of(const Napi::Value& value) {
  return static_cast<int>(integer_of(value, 0, (Index{1} << 31) - 1, "descriptor"));
}

// readPieces(descriptor, offsets, views, onDone): fills each view from its offset on; onDone(whether all were filled)
class PieceReader : public RowJob {
 public:
  explicit PieceReader(const Napi::CallbackInfo& call) : PieceReader(call, values_of(array_of(call[2], "views"))) {}

  void Execute() override {
    is_read_ = std::all_of(pieces_.begin(), pieces_.end(), [this](const FilePiece& piece) {
      return read_file_at(file_, piece.offset, piece.bytes, piece.length) == piece.length;
    });
  }

 private:
  PieceReader(const Napi::CallbackInfo& call, const std::vector<Napi::Value>& views)
      : RowJob(call.Env(), call[3], views), file_(descriptor_of(call[0])), pieces_(pieces_of(call[1], views)) {}

  Napi::Value result() override { return Napi::Boolean::New(Env(), is_read_); }

  const int file_;
  const std::vector<FilePiece> pieces_;
  bool is_read_ = false;
};

// writePieces(descriptor, offsets, views, onDone): onDone(their checksums, or undefined where one could not be written)
class PieceWriter : public RowJob {
 public:
  explicit PieceWriter(const Napi::CallbackInfo& call) : PieceWriter(call, values_of(array_of(call[2], "views"))) {}

  void Execute() override {
    is_written_ = std::all_of(pieces_.begin(), pieces_.end(), [this](const FilePiece& piece) {
      checksums_.push_back(checksum_of(piece.bytes, piece.length));
      return write_file_at(file_, piece.offset, piece.bytes, piece.length) == piece.length;
    });
  }

 private:
  PieceWriter(const Napi::CallbackInfo& call, const std::vector<Napi::Value>& views)
      : RowJob(call.Env(), call[3], views), file_(descriptor_of(call[0])), pieces_(pieces_of(call[1], views)) {}

  Napi::Value result() override {
    if (!is_written_) return Env().Undefined();
    Napi::Uint32Array checksums = Napi::Uint32Array::New(Env(), checksums_.size());
    std::copy(checksums_.begin(), checksums_.end(), checksums.Data());
    return checksums;
  }

  const int file_;
  const std::vector<FilePiece> pieces_;
  std::vector<std::uint32_t> checksums_;
  bool is_written_ = false;
};

// standardisePieces(columns, scales, rows, pieces, width, onDone): the rows in their order into the pieces, with zeros for all
// other inputs; onDone(whether all numbers can be encoded)
class Standardiser : public RowJob {
 public:
  explicit Standardiser(const Napi::CallbackInfo& call)
      : Standardiser(call, values_of(array_of(call[0], "columns")), values_of(array_of(call[3], "pieces"))) {}

  void Execute() override {
    const std::size_t count = columns_.values.size();
    std::vector<StandardisedCounts> counts(count);
    const std::uint32_t* rows = rows_.data();
    are_encoded_ = std::all_of(pieces_.begin(), pieces_.end(), [&](const Piece& piece) {
      const std::uint32_t* const from = std::exchange(rows, rows + piece.rows);
      std::fill_n(piece.x, piece.rows * width_, 0.0f);
      return standardise_rows(columns_.values.data(), columns_.scales.data(), count, from, 0, piece.rows, piece.x, width_,
                              counts.data());
    });
  }

 private:
  struct Piece {
    float* x;
    std::size_t rows;
  };

  Standardiser(const Napi::CallbackInfo& call, const std::vector<Napi::Value>& columns, const std::vector<Napi::Value>& pieces)
      : RowJob(call.Env(), call[5], both(columns, pieces)),
        width_(size_of(call[4], static_cast<std::size_t>(max_safe_integer), "width")),
        columns_(call.Env(), columns, Doubles(call[1], "scales"), width_, true) {
    const Napi::Env env = call.Env();
    const Words rows(call[2], "rows");
    check_places(env, rows, 0, rows.length, columns_.rows);
    rows_.assign(rows.data, rows.data + rows.length);
    std::size_t total = 0;
    for (const Napi::Value& piece : pieces) {
      const Floats x(piece, "pieces");
      if (!view_of(piece, "pieces").is_shared) fail(env, "pieces: expected shared memory");
      const std::size_t count = x.length / std::max<std::size_t>(width_, 1);
      pieces_.push_back({x.data, count});
      total += count;
    }
    if (total != rows.length) fail(env, "pieces: expected room for all rows, and no more");
  }

  static std::vector<Napi::Value> both(std::vector<Napi::Value> first, const std::vector<Napi::Value>& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
  }

  Napi::Value result() override { return Napi::Boolean::New(Env(), are_encoded_); }

  const std::size_t width_;
  const StandardisedColumns columns_;
  std::vector<std::uint32_t> rows_;
  std::vector<Piece> pieces_;
  bool are_encoded_ = false;
};

template <class Job>
Napi::Value queue(const Napi::CallbackInfo& call) {
  return guard(call.Env(), [&call] {
    (new Job(call))->Queue();
    return call.Env().Undefined();
  });
}

}  // namespace

void define_row_jobs(Napi::Env env, Napi::Object exports) {
  Napi::Object jobs = Napi::Object::New(env);
  jobs.Set("readPieces", Napi::Function::New(env, queue<PieceReader>, "readPieces"));
  jobs.Set("writePieces", Napi::Function::New(env, queue<PieceWriter>, "writePieces"));
  jobs.Set("standardisePieces", Napi::Function::New(env, queue<Standardiser>, "standardisePieces"));
  exports.Set("rowJobs", jobs);
}

}  // namespace hadamard::addon
