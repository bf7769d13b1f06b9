// Between JavaScript and the parser of blocks: checks what it is given, keeps the memory of a block alive while a thread
// reads it, and brings the results to the event loop in any order.
#include "addon_csv_reader.h"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "addon_csv.h"
#include "addon_values.h"
#include "csv_block.h"
#include "csv_pieces.h"
#include "csv_scan.h"

namespace hadamard::addon {
namespace {

// Where the values of a block go; made once for memory that is used for block after block.
struct Targets {
  std::vector<CsvTarget> columns;
  std::size_t capacity = 0;
  Napi::ObjectReference arrays;
};

struct Block {
  std::uint8_t* bytes = nullptr;
  std::size_t start = 0, end = 0;
  const Targets* targets = nullptr;
  std::shared_ptr<CsvPieces> pieces;  // of the file that the bytes are still to be read from, as number `turn`
  std::uint64_t turn = 0;
  CsvPiece piece;
  bool is_parsed = false;
  CsvBlockResult result;
  std::string error;                // of the parser itself, as where memory runs out
  Napi::FunctionReference on_done;
  Napi::ObjectReference memory;     // bytes and targets
};

// Threads that take blocks from a queue. Done blocks are handed to `on_done` on the thread that parsed them.
class BlockThreads {
 public:
  BlockThreads(CsvBlockOptions options, int threads, std::function<void(Block*)> on_done)
      : options_(std::move(options)), on_done_(std::move(on_done)) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }

  ~BlockThreads() { join(); }

  void add(Block* block) {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(block);
    }
    wake_.notify_one();
  }

  void join() {
    {
      const std::lock_guard lock(mutex_);
      is_quitting_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

 private:
  void work() {
    for (;;) {
      Block* block = nullptr;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return is_quitting_ || !queue_.empty(); });
        if (is_quitting_) return;
        block = queue_.front();
        queue_.pop_front();
      }
      try {
        run(*block);
      } catch (const std::exception& error) {
        block->error = error.what();
      }
      on_done_(block);
    }
  }

  // A piece with more lines than the targets have room for is left to be parsed anew.
  void run(Block& block) const {
    if (block.pieces != nullptr) {
      block.piece = block.pieces->read(block.turn, block.bytes, block.end);
      block.end = block.piece.length;
      if (block.end == 0 || block.piece.line_ends >= block.targets->capacity) return;
    }
    block.result = parse_csv_block(block.bytes, block.start, block.end, options_, block.targets->columns,
                                   block.targets->capacity);
    block.is_parsed = true;
  }

  const CsvBlockOptions options_;
  const std::function<void(Block*)> on_done_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Block*> queue_;
  bool is_quitting_ = false;
  std::vector<std::thread> threads_;  // last: they use the rest
};

class CsvReader;
void deliver(Napi::Env env, Napi::Function, CsvReader* reader, Block* block);
using Channel = Napi::TypedThreadSafeFunction<CsvReader, Block, deliver>;
void join_at_teardown(void* threads) { static_cast<BlockThreads*>(threads)->join(); }

// Counts and texts of all columns, flat: a wide file has thousands of them in every block.
Napi::Object result_object(Napi::Env env, const CsvBlockResult& result) {
  const std::size_t width = result.columns.size();
  Napi::Float64Array missing = Napi::Float64Array::New(env, width), unseen = Napi::Float64Array::New(env, width);
  Napi::Array texts = Napi::Array::New(env), doubtful = Napi::Array::New(env), rejects = Napi::Array::New(env);
  for (std::size_t i = 0; i < width; ++i) {
    const CsvBlockColumn& column = result.columns[i];
    missing[i] = static_cast<double>(column.missing);
    unseen[i] = static_cast<double>(column.unseen);
    if (column.doubtful.error != CsvError::none) doubtful.Set(doubtful.Length(), failure_object(env, column.doubtful));
    if (!column.is_text) continue;
    Napi::Array list = Napi::Array::New(env, column.texts.size());
    for (std::uint32_t code = 0; code < column.texts.size(); ++code) {
      const Napi::HandleScope scope(env);
      const std::string_view text = column.texts.at(code);
      list.Set(code, Napi::String::New(env, text.data(), text.size()));
    }
    texts.Set(static_cast<std::uint32_t>(i), list);
  }
  for (const CsvFailure& failure : result.rejects) rejects.Set(rejects.Length(), failure_object(env, failure));
  Napi::Object object = Napi::Object::New(env);
  object.Set("rows", static_cast<double>(result.rows));
  object.Set("missing", missing);
  object.Set("unseen", unseen);
  object.Set("texts", texts);
  object.Set("doubtful", doubtful);
  object.Set("rejects", rejects);
  return object;
}

Napi::Object piece_object(Napi::Env env, const CsvPiece& piece) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("offset", static_cast<double>(piece.offset));
  object.Set("bytes", static_cast<double>(piece.length));
  object.Set("lines", static_cast<double>(piece.line_ends));
  object.Set("isAscii", piece.is_ascii);
  object.Set("hasNul", piece.has_nul);
  return object;
}

std::vector<std::string> strings_of(const Napi::Value& value, const std::string& what) {
  const Napi::Array array = array_of(value, what);
  std::vector<std::string> strings;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::HandleScope scope(value.Env());
    strings.push_back(string_of(array[i], what));
  }
  return strings;
}

class CsvReader : public Napi::ObjectWrap<CsvReader> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "CsvReader",
                       {InstanceMethod<&CsvReader::guarded<&CsvReader::targets>>("targets"),
                        InstanceMethod<&CsvReader::guarded<&CsvReader::parse>>("parse"),
                        InstanceMethod<&CsvReader::guarded<&CsvReader::open_file>>("openFile"),
                        InstanceMethod<&CsvReader::guarded<&CsvReader::read>>("read"),
                        InstanceMethod<&CsvReader::guarded<&CsvReader::close>>("close")});
  }

  // new CsvReader({ delimiter, allowMissing, keepsGoing, missing, categories, threads })
  explicit CsvReader(const Napi::CallbackInfo& call) : Napi::ObjectWrap<CsvReader>(call) {
    guard(call.Env(), [&] { construct(call); });
  }

  ~CsvReader() override { end(); }

  // On the event loop, when a block is parsed.
  void land(Napi::Env env, Block* done) {
    const auto at = std::find_if(blocks_.begin(), blocks_.end(), [done](const auto& block) { return block.get() == done; });
    const std::unique_ptr<Block> block = std::move(*at);
    blocks_.erase(at);
    const Napi::HandleScope scope(env);
    const Napi::ObjectReference self = blocks_.empty() ? std::move(self_) : Napi::ObjectReference();
    if (blocks_.empty()) channel_.Unref(env);
    // A worker that is being terminated runs no JavaScript any more: then nobody is left to tell.
    napi_value receiver = nullptr, object = nullptr;
    if (napi_get_undefined(env, &receiver) != napi_ok || napi_create_object(env, &object) != napi_ok) return;
    napi_value results[] = {receiver, receiver};
    if (!block->error.empty()) {
      results[0] = Napi::String::New(env, block->error);
    } else if (block->is_parsed) {
      results[0] = result_object(env, block->result);
    }
    if (block->pieces != nullptr) results[1] = piece_object(env, block->piece);
    napi_call_function(env, receiver, block->on_done.Value(), 2, results, nullptr);
  }

 private:
  void construct(const Napi::CallbackInfo& call) {
    const Napi::Env env = call.Env();
    const Napi::Object given = object_of(call[0], "options");
    CsvBlockOptions options;
    options.delimiter = delimiter_ = static_cast<std::uint8_t>(integer_of(given.Get("delimiter"), 1, 127, "delimiter"));
    options.allow_missing = boolean_of(given.Get("allowMissing"), "allowMissing");
    options.keeps_going = boolean_of(given.Get("keepsGoing"), "keepsGoing");
    options.missing = strings_of(given.Get("missing"), "missing");
    const Napi::Array categories = array_of(given.Get("categories"), "categories");
    options.categories.resize(categories.Length());
    for (std::uint32_t i = 0; i < categories.Length(); ++i) {
      const Napi::Value list = categories[i];
      if (list.IsUndefined()) continue;
      for (const std::string& text : strings_of(list, "categories")) options.categories[i].find_or_add(text);
    }
    width_ = categories.Length();
    const auto threads = static_cast<int>(integer_of(given.Get("threads"), 1, 1024, "threads"));
    channel_ = Channel::New(env, "hadamard csv", 0, 1, this);
    channel_.Unref(env);
    threads_ = std::make_unique<BlockThreads>(std::move(options), threads,
                                              [channel = channel_](Block* block) { channel.NonBlockingCall(block); });
    // After the channel: hooks run in reverse order, and the threads must be joined before their channel goes.
    napi_add_env_cleanup_hook(env, join_at_teardown, threads_.get());
    env_ = env;
  }

  template <Napi::Value (CsvReader::*method)(const Napi::CallbackInfo&)>
  Napi::Value guarded(const Napi::CallbackInfo& call) {
    return guard(call.Env(), [&] { return (this->*method)(call); });
  }

  // parse(bytes, start, end, targets, onDone): onDone(result)
  Napi::Value parse(const Napi::CallbackInfo& call) {
    const Napi::Env env = call.Env();
    auto block = block_of(call[0], call[3], call[4]);
    block->end = static_cast<std::size_t>(integer_of(call[2], 0, static_cast<Index>(block->end), "end"));
    block->start = static_cast<std::size_t>(integer_of(call[1], 0, static_cast<Index>(block->end), "start"));
    start(env, std::move(block));
    return env.Undefined();
  }

  // openFile(descriptor, offset, size): where read() goes on, and bytes of the file. The file stays open until the reader is closed.
  Napi::Value open_file(const Napi::CallbackInfo& call) {
    const auto file = static_cast<int>(integer_of(call[0], 0, (Index{1} << 31) - 1, "descriptor"));
    const auto offset = static_cast<std::uint64_t>(integer_of(call[1], 0, max_safe_integer, "offset"));
    const auto size = static_cast<std::uint64_t>(integer_of(call[2], 0, max_safe_integer, "size"));
    pieces_ = std::make_shared<CsvPieces>(file, offset, size, delimiter_);
    turn_ = 0;
    return call.Env().Undefined();
  }

  // read(bytes, targets, onDone): onDone(result, piece) of the next piece of the file, without a result where it is empty or
  // has more lines than the targets have room for.
  Napi::Value read(const Napi::CallbackInfo& call) {
    const Napi::Env env = call.Env();
    if (pieces_ == nullptr) fail(env, "read: expected a reader with a file; received one without");
    auto block = block_of(call[0], call[1], call[2]);
    block->pieces = pieces_;
    block->turn = turn_++;
    start(env, std::move(block));
    return env.Undefined();
  }

  // All of the bytes as a block.
  std::unique_ptr<Block> block_of(const Napi::Value& given_bytes, const Napi::Value& given_targets,
                                  const Napi::Value& on_done) const {
    const Napi::Env env = given_bytes.Env();
    if (threads_ == nullptr) fail(env, "parse: expected an open reader; received a closed one");
    auto block = std::make_unique<Block>();
    const View bytes = view_of(given_bytes, "bytes");
    if (!bytes.is_shared || bytes.type != napi_uint8_array) fail(env, "bytes: expected a Uint8Array on shared memory");
    block->bytes = static_cast<std::uint8_t*>(bytes.data);
    block->end = static_cast<std::size_t>(std::max<Index>(0, bytes.bytes - static_cast<Index>(csv_padding)));
    if (!given_targets.IsExternal()) fail(env, "targets: expected what targets() has made");
    block->targets = given_targets.As<Napi::External<Targets>>().Data();
    if (block->targets->columns.size() != width_) fail(env, "targets: expected those of this reader");
    if (!on_done.IsFunction()) fail(env, "onDone: expected a function");
    Napi::Array memory = Napi::Array::New(env);
    memory.Set(0u, given_bytes);
    memory.Set(1u, given_targets);
    block->memory = Napi::Persistent(memory.As<Napi::Object>());
    block->on_done = Napi::Persistent(on_done.As<Napi::Function>());
    return block;
  }

  void start(Napi::Env env, std::unique_ptr<Block> block) {
    if (blocks_.empty()) {
      self_ = Napi::Persistent(Value());
      channel_.Ref(env);
    }
    blocks_.push_back(std::move(block));
    threads_->add(blocks_.back().get());
  }

  // targets(kinds, arrays, offsets, strides, capacity): per column an array on shared memory, the element that its first value
  // goes to, and the elements from row to row; the rows that there is room for.
  Napi::Value targets(const Napi::CallbackInfo& call) {
    const Napi::Env env = call.Env();
    auto targets = std::make_unique<Targets>();
    targets->capacity = static_cast<std::size_t>(integer_of(call[4], 0, max_safe_integer, "capacity"));
    targets->columns = columns_of(call, targets->capacity);
    targets->arrays = Napi::Persistent(call[1].As<Napi::Object>());
    return Napi::External<Targets>::New(env, targets.release(), [](Napi::Env, Targets* made) { delete made; });
  }

  std::vector<CsvTarget> columns_of(const Napi::CallbackInfo& call, std::size_t capacity) const {
    const Napi::Env env = call.Env();
    const View kinds = view_of(call[0], "kinds");
    const Napi::Array arrays = array_of(call[1], "targets");
    const View offsets = view_of(call[2], "offsets"), strides = view_of(call[3], "strides");
    const auto width = static_cast<Index>(width_);
    if (kinds.type != napi_uint8_array || kinds.length != width || arrays.Length() != width_ ||
        offsets.type != napi_int32_array || offsets.length != width || strides.type != napi_int32_array ||
        strides.length != width) {
      fail(env, "targets: expected kinds (Uint8Array), arrays, offsets and strides (Int32Array) of " +
                    std::to_string(width_) + " columns");
    }
    std::vector<CsvTarget> targets(width_);
    for (std::uint32_t i = 0; i < width_; ++i) {
      const Napi::HandleScope scope(env);
      const std::uint8_t kind = static_cast<const std::uint8_t*>(kinds.data)[i];
      if (kind > static_cast<std::uint8_t>(CsvKind::categories)) fail(env, "kinds: expected numbers from 0 to 4");
      targets[i].kind = static_cast<CsvKind>(kind);
      if (targets[i].kind == CsvKind::skip) continue;
      const View view = view_of(arrays[i], "targets");
      const Index offset = static_cast<const std::int32_t*>(offsets.data)[i];
      const Index stride = static_cast<const std::int32_t*>(strides.data)[i];
      const bool is_code = targets[i].kind == CsvKind::texts || targets[i].kind == CsvKind::categories;
      const bool is_find = targets[i].kind == CsvKind::find;
      const bool fits = is_code ? view.type == napi_int32_array
                                : view.type == napi_float64_array || (!is_find && view.type == napi_float32_array);
      const Index rows = static_cast<Index>(capacity);
      if (!view.is_shared || !fits || offset < 0 || stride < 1 || (is_find && stride != 1) ||
          (rows > 0 && (rows - 1 > view.length / stride || offset + (rows - 1) * stride >= view.length))) {
        fail(env, "targets: expected an array on shared memory with room for every row in column " + std::to_string(i));
      }
      targets[i].is_float32 = view.type == napi_float32_array;
      targets[i].stride = static_cast<std::size_t>(stride);
      const Index size = view.type == napi_float64_array ? 8 : 4;
      targets[i].values = static_cast<char*>(view.data) + offset * size;
    }
    return targets;
  }

  Napi::Value close(const Napi::CallbackInfo& call) {
    end();
    return call.Env().Undefined();
  }

  // Blocks that nobody has read yet are dropped.
  void end() {
    if (threads_ == nullptr) return;
    threads_->join();
    napi_remove_env_cleanup_hook(env_, join_at_teardown, threads_.get());
    threads_.reset();
    channel_.Release();
  }

  napi_env env_ = nullptr;
  std::size_t width_ = 0;
  std::uint8_t delimiter_ = ',';
  std::shared_ptr<CsvPieces> pieces_;
  std::uint64_t turn_ = 0;
  Channel channel_;
  std::vector<std::unique_ptr<Block>> blocks_;
  Napi::ObjectReference self_;  // keeps this from the garbage collector while blocks are parsed
  std::unique_ptr<BlockThreads> threads_;
};

void deliver(Napi::Env env, Napi::Function, CsvReader* reader, Block* block) {
  if (static_cast<napi_env>(env) != nullptr) reader->land(env, block);
}

// scanCsv(bytes, start, end, delimiter): the scan of the bytes between, with recordEnd from the array's start
Napi::Value scan_csv(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  const View bytes = view_of(call[0], "scanCsv, bytes");
  const Index end = integer_of(call[2], 0, bytes.bytes, "scanCsv, end");
  const Index start = integer_of(call[1], 0, end, "scanCsv, start");
  const auto delimiter = static_cast<std::uint8_t>(integer_of(call[3], 1, 127, "scanCsv, delimiter"));
  const CsvScan scan = hadamard::scan_csv(static_cast<const std::uint8_t*>(bytes.data) + start,
                                          static_cast<std::size_t>(end - start), delimiter);
  Napi::Object object = Napi::Object::New(env);
  object.Set("recordEnd", static_cast<double>(scan.record_end) + static_cast<double>(scan.record_end > 0 ? start : 0));
  object.Set("lineEnds", static_cast<double>(scan.line_ends));
  object.Set("isAscii", scan.is_ascii);
  object.Set("hasNul", scan.has_nul);
  return object;
}

}  // namespace

void define_csv_reader(Napi::Env env, Napi::Object exports) {
  exports.Set("CsvReader", CsvReader::define(env));
  exports.Set("scanCsv", Napi::Function::New(env, scan_csv, "scanCsv"));
}

}  // namespace hadamard::addon
