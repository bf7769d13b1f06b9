// Between JavaScript and the executor: reads programs, keeps what a run uses alive, carries its news to the event loop.
#include "addon_executable.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "addon_values.h"
#include "executor.h"
#include "program.h"
#include "training_thread.h"

namespace hadamard::addon {
namespace {

constexpr Index max_threads = 1024;

constexpr Index arena_alignment = 64;

// The aligned part of the memory that JavaScript gives for the arena.
struct Arena {
  char* start = nullptr;
  Index size = 0;
  double padding = 0;  // bytes before it

  char* data() const { return start; }
  Index bytes() const { return size; }
};

template <class Real>
Index first_nonfinite(const View& view) {
  const auto* const values = static_cast<const Real*>(view.data);
  const Index count = view.bytes / static_cast<Index>(sizeof(Real));
  return std::find_if(values, values + count, [](Real x) { return !std::isfinite(x); }) - values;
}

ProgramSource program_of(const Napi::Value& value) {
  const Napi::Object object = object_of(value, "program");
  ProgramSource source;
  const Napi::Array ops = array_of(object.Get("ops"), "program.ops");
  for (std::uint32_t i = 0; i < ops.Length(); ++i) {
    source.ops.push_back(string_of(ops.Get(i), "program.ops[" + std::to_string(i) + "]"));
  }
  const Napi::Array entries = array_of(object.Get("entries"), "program.entries");
  for (std::uint32_t i = 0; i < entries.Length(); ++i) {
    const std::string what = "program.entries[" + std::to_string(i) + "]";
    const Napi::Object entry = object_of(entries.Get(i), what);
    source.entries.push_back({string_of(entry.Get("name"), what + ".name"),
                              integer_of(entry.Get("start"), 0, max_safe_integer, what + ".start"),
                              integer_of(entry.Get("end"), 0, max_safe_integer, what + ".end")});
  }
  source.arena_bytes = integer_of(object.Get("arenaBytes"), 0, Index{1} << 46, "program.arenaBytes");
  source.rows = integer_of(object.Get("rows"), 0, max_dim, "program.rows");
  source.status = integer_of(object.Get("status"), 0, max_safe_integer, "program.status");
  const std::string dtype = string_of(object.Get("dtype"), "program.dtype");
  if (dtype != "float32" && dtype != "float64") {
    fail(value.Env(), "program.dtype: expected \"float32\" or \"float64\"; received \"" + dtype + "\"");
  }
  source.dtype = dtype == "float32" ? Dtype::float32 : Dtype::float64;
  const View code = view_of(object.Get("code"), Element::f64, source.dtype, "program.code");
  const auto* const numbers = static_cast<const double*>(code.data);
  source.code.assign(numbers, numbers + code.length);
  return source;
}

// What the run's thread shares with the event loop. The messages carry nothing: what they announce stands here, so that
// a busy event loop is never behind by more than one.
struct Flight;
enum class News { progress, done };
void deliver(Napi::Env env, Napi::Function, Flight* flight, News* news);
using Channel = Napi::TypedThreadSafeFunction<Flight, News, deliver>;

class Executable;
void join_at_teardown(void* flight);

struct Flight {
  Executable* owner = nullptr;
  Napi::ObjectReference self;  // keeps the owner from the garbage collector
  Napi::FunctionReference on_progress, on_done;
  Channel channel;
  std::atomic<bool> is_progress_waiting{false};
  std::atomic<Index> steps{0}, runs{0};
  RunResult result;
  std::unique_ptr<TrainingThread> thread;  // last: it uses all of the above
};

News progress_news = News::progress, done_news = News::done;

// News may reach a worker that is being terminated and runs no JavaScript any more: then nobody is left to tell. Raw calls,
// because the failure of a Napi:: one ends the whole process there, which cannot make the error that it wants to throw.
void tell(napi_env env, const Napi::FunctionReference& listener, std::initializer_list<napi_value> arguments) {
  napi_value receiver;
  if (napi_get_undefined(env, &receiver) != napi_ok) return;
  // An exception that the listener throws stays pending: Node reports it as uncaught.
  napi_call_function(env, receiver, listener.Value(), arguments.size(), arguments.begin(), nullptr);
}

napi_value number_value(napi_env env, double value) {
  napi_value number = nullptr;
  napi_create_double(env, value, &number);
  return number;
}

napi_value outcome_of(napi_env env, const RunResult& result) {
  napi_value outcome = nullptr, cancelled = nullptr;
  if (napi_create_object(env, &outcome) != napi_ok) return nullptr;
  napi_get_boolean(env, result.is_cancelled, &cancelled);
  napi_set_named_property(env, outcome, "runs", number_value(env, static_cast<double>(result.runs)));
  napi_set_named_property(env, outcome, "steps", number_value(env, static_cast<double>(result.steps)));
  napi_set_named_property(env, outcome, "status", number_value(env, result.status));
  napi_set_named_property(env, outcome, "cancelled", cancelled);
  napi_set_named_property(env, outcome, "threads", number_value(env, result.threads));
  return outcome;
}

class Executable : public Napi::ObjectWrap<Executable> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Executable",
                       {InstanceMethod<&Executable::guarded<&Executable::run>>("run"),
                        InstanceMethod<&Executable::guarded<&Executable::run_sync>>("runSync"),
                        InstanceMethod<&Executable::guarded<&Executable::history>>("history"),
                        InstanceMethod<&Executable::guarded<&Executable::cancel>>("cancel"),
                        InstanceMethod<&Executable::guarded<&Executable::read>>("read"),
                        InstanceMethod<&Executable::guarded<&Executable::write>>("write"),
                        InstanceMethod<&Executable::guarded<&Executable::copy_rows>>("copyRows"),
                        InstanceAccessor<&Executable::arena_start>("arenaStart"),
                        InstanceAccessor<&Executable::threads>("threads")});
  }

  // new Executable(program, buffers, { isa, threads, minimumWork = 250000 }, arena): the arena is zeroed shared memory
  explicit Executable(const Napi::CallbackInfo& call) : Napi::ObjectWrap<Executable>(call) {
    guard(call.Env(), [&] { construct(call); });
  }

  ~Executable() override { flight_.reset(); }

  // On the event loop, when the run's thread has nothing more to do.
  void land(Napi::Env env) {
    const std::unique_ptr<Flight> flight = std::move(flight_);
    flight->thread->join();
    napi_remove_env_cleanup_hook(env, join_at_teardown, flight.get());
    flight->channel.Release();
    tell(env, flight->on_done, {env.Null(), outcome_of(env, flight->result)});
  }

 private:
  template <Napi::Value (Executable::*method)(const Napi::CallbackInfo&)>
  Napi::Value guarded(const Napi::CallbackInfo& call) {
    return guard(call.Env(), [&] { return (this->*method)(call); });
  }

  void construct(const Napi::CallbackInfo& call) {
    const Napi::Env env = call.Env();
    const ProgramSource source = program_of(call[0]);
    const Napi::Array buffer_list = array_of(call[1], "buffers");
    const Napi::Object options = object_of(call[2], "options");
    isa_ = &isa_of(options.Get("isa"));
    const auto threads = static_cast<int>(integer_of(options.Get("threads"), 1, max_threads, "threads"));
    const Napi::Value work = options.Get("minimumWork");
    const double minimum_work = work.IsUndefined() ? default_minimum_work : number_of(work, "minimumWork");

    Napi::Array memory = Napi::Array::New(env);
    arena_ = arena_of(call[3], source.arena_bytes);
    memory.Set(memory.Length(), call[3]);
    std::vector<Buffer> buffers{{arena_.data(), arena_.bytes()}};
    for (std::uint32_t i = 0; i < buffer_list.Length(); ++i) {
      const Napi::Value value = buffer_list.Get(i);
      const View view = shared_view_of(value, "buffers[" + std::to_string(i) + "]");
      buffers.push_back({view.data, view.bytes});
      memory.Set(memory.Length(), value);
    }
    // As a property, all of it goes as soon as the collector takes this object; a reference from here would keep it until
    // the finalizer, which waits for the event loop's next turn.
    Value().Set("memory", memory);
    LinkResult linked = link(source, buffers, isa_->kernels(source.dtype));
    if (!linked.error.empty()) fail(env, linked.error);
    executor_ = std::make_unique<Executor>(std::move(linked.program), threads, minimum_work);
  }

  // The memory of an ArrayBuffer can be detached while a thread reads it.
  static View shared_view_of(const Napi::Value& value, const std::string& what) {
    const View view = view_of(value, what);
    if (!view.is_shared) {
      fail(value.Env(), what + ": expected a typed array on a SharedArrayBuffer; received one on an ArrayBuffer");
    }
    return view;
  }

  // The first aligned byte of memory that has room for `bytes` behind it.
  static Arena arena_of(const Napi::Value& value, Index bytes) {
    const View view = shared_view_of(value, "arena");
    if (view.bytes < bytes + arena_alignment) {
      fail(value.Env(), "arena: expected at least " + std::to_string(bytes + arena_alignment) +
                            " bytes, the program's and 64 to align them; received " + std::to_string(view.bytes));
    }
    const auto address = reinterpret_cast<std::uintptr_t>(view.data);
    const auto padding = (arena_alignment - address % arena_alignment) % arena_alignment;
    return {static_cast<char*>(view.data) + padding, bytes, static_cast<double>(padding)};
  }

  void refuse_while_running(Napi::Env env, const char* what) const {
    if (flight_ != nullptr) fail(env, std::string(what) + ": expected an idle executable; a run is in progress");
  }

  std::size_t entry_of(const Napi::Value& value) const {
    const std::string name = string_of(value, "entry");
    const int entry = executor_->program().find_entry(name);
    if (entry >= 0) return static_cast<std::size_t>(entry);
    std::string known;
    for (const Entry& candidate : executor_->program().entries) known += (known.empty() ? "" : ", ") + candidate.name;
    fail(value.Env(), "entry: expected one of the program (" + known + "); received \"" + name + "\"");
  }

  Report report_of(const Napi::Value& value) const {
    if (value.IsUndefined()) return {};
    const Napi::Object object = object_of(value, "report");
    const Report report{integer_of(object.Get("offset"), 0, arena_.bytes(), "report.offset"),
                        integer_of(object.Get("count"), 0, arena_.bytes() / 8, "report.count")};
    if (report.offset % 8 != 0 || report.count * 8 > arena_.bytes() - report.offset) {
      fail(value.Env(), "report: expected f64 numbers at a multiple of 8 inside the arena of " +
                            std::to_string(arena_.bytes()) + " bytes; received offset " +
                            std::to_string(report.offset) + ", count " + std::to_string(report.count));
    }
    return report;
  }

  static Napi::FunctionReference function_of(const Napi::Value& value, const std::string& what) {
    if (!value.IsFunction()) fail(value.Env(), what + ": expected a function");
    return Napi::Persistent(value.As<Napi::Function>());
  }

  // run(entry, times, { report, onProgress, onDone, mayBlock = false }): the outcome of a brief run that may block, else
  // undefined, and onDone is told later
  Napi::Value run(const Napi::CallbackInfo& call) {
    const Napi::Env env = call.Env();
    refuse_while_running(env, "run");
    RunOptions options;
    options.entry = entry_of(call[0]);
    options.times = integer_of(call[1], 0, max_safe_integer, "times");
    const Napi::Object given = object_of(call[2], "options");
    options.report = report_of(given.Get("report"));
    const Napi::Value on_progress = given.Get("onProgress");
    const bool may_block = given.Get("mayBlock").ToBoolean();

    auto flight = std::make_unique<Flight>();
    flight->owner = this;
    if (!on_progress.IsUndefined()) flight->on_progress = function_of(on_progress, "onProgress");
    flight->on_done = function_of(given.Get("onDone"), "onDone");
    refuse_while_running(env, "run");  // a getter of the options may have started one
    history_.start(options.report.count);
    options.history = &history_;
    if (may_block && executor_->is_brief(options)) return {env, outcome_of(env, executor_->run_here(options))};
    flight->self = Napi::Persistent(Value());
    flight->channel = Channel::New(env, "hadamard run", 0, 1, flight.get());
    // After the channel: hooks run in reverse order, and the thread must be joined before its channel goes.
    napi_add_env_cleanup_hook(env, join_at_teardown, flight.get());
    start(std::move(flight), std::move(options));
    return env.Undefined();
  }

  void start(std::unique_ptr<Flight> flight, RunOptions options) {
    Flight* const shared = flight.get();
    std::function<void(Index, Index)> on_progress;
    if (!shared->on_progress.IsEmpty()) {
      on_progress = [shared](Index steps, Index runs) {
        shared->steps.store(steps, std::memory_order_relaxed);
        shared->runs.store(runs, std::memory_order_relaxed);
        if (!shared->is_progress_waiting.exchange(true)) shared->channel.NonBlockingCall(&progress_news);
      };
    }
    const auto on_done = [shared](const RunResult& result) {
      shared->result = result;
      shared->channel.NonBlockingCall(&done_news);
    };
    flight_ = std::move(flight);
    flight_->thread = std::make_unique<TrainingThread>(*executor_, std::move(options), std::move(on_progress), on_done);
  }

  // runSync(entry's index, rows = capacity, cursor = 0): by number and without an answer, because predictions of one row
  // take a microsecond in all
  Napi::Value run_sync(const Napi::CallbackInfo& call) {
    const Napi::Env env = call.Env();
    RunOptions options;
    const auto last = static_cast<Index>(executor_->program().entries.size()) - 1;
    options.entry = static_cast<std::size_t>(integer_of(call[0], 0, last, "entry"));
    const Index capacity = executor_->program().rows;
    options.rows = call[1].IsUndefined() ? capacity : integer_of(call[1], 0, capacity, "rows");
    options.cursor = call[2].IsUndefined() ? 0 : integer_of(call[2], 0, max_safe_integer, "cursor");
    refuse_while_running(env, "runSync");
    executor_->run_here(options);
    return env.Undefined();
  }

  // history(fromRun = 0)
  Napi::Value history(const Napi::CallbackInfo& call) {
    const Index from = call[0].IsUndefined() ? 0 : integer_of(call[0], 0, max_safe_integer, "fromRun");
    const std::vector<double> values = history_.from(from);
    Napi::Float64Array result = Napi::Float64Array::New(call.Env(), values.size());
    std::copy(values.begin(), values.end(), result.Data());
    return result;
  }

  Napi::Value cancel(const Napi::CallbackInfo& call) {
    if (flight_ != nullptr) flight_->thread->cancel();
    return call.Env().Undefined();
  }

  // The bytes of the arena that a copy to or from the view touches.
  char* checked(const Napi::CallbackInfo& call, const char* what, View& view) {
    const Index offset = integer_of(call[0], 0, arena_.bytes(), "byteOffset");
    view = view_of(call[1], what);
    refuse_while_running(call.Env(), what);
    if (view.bytes > arena_.bytes() - offset) {
      fail(call.Env(), std::string(what) + ": expected at most " + std::to_string(arena_.bytes() - offset) +
                           " bytes from offset " + std::to_string(offset) + " to the arena's end; received " +
                           std::to_string(view.bytes));
    }
    return arena_.data() + offset;
  }

  // read(byteOffset, typedArray)
  Napi::Value read(const Napi::CallbackInfo& call) {
    View view;
    const char* const from = checked(call, "read", view);
    if (view.bytes > 0) std::memcpy(view.data, from, static_cast<std::size_t>(view.bytes));
    return call.Env().Undefined();
  }

  // write(byteOffset, typedArray)
  Napi::Value write(const Napi::CallbackInfo& call) {
    View view;
    char* const to = checked(call, "write", view);
    if (view.bytes > 0) std::memcpy(to, view.data, static_cast<std::size_t>(view.bytes));
    return call.Env().Undefined();
  }

  // copyRows(byteOffset, floats): as write, and the index of the first element that is not finite, or -1
  Napi::Value copy_rows(const Napi::CallbackInfo& call) {
    View view;
    char* const to = checked(call, "copyRows", view);
    const Dtype dtype = dtype_of(call[1]);
    const bool is_double = dtype == Dtype::float64;
    if (isa_->kernels(dtype).copy_finite(view.data, view.bytes / (is_double ? 8 : 4), to)) {
      return Napi::Number::New(call.Env(), -1);
    }
    const Index index = is_double ? first_nonfinite<double>(view) : first_nonfinite<float>(view);
    return Napi::Number::New(call.Env(), static_cast<double>(index));
  }

  // The byte of the arena's memory that its offsets count from.
  Napi::Value arena_start(const Napi::CallbackInfo& call) { return Napi::Number::New(call.Env(), arena_.padding); }

  // Threads that the largest entry asks for; the result of a run says how many it had.
  Napi::Value threads(const Napi::CallbackInfo& call) {
    int most = 1;
    const std::size_t entries = executor_->program().entries.size();
    for (std::size_t i = 0; i < entries; ++i) most = std::max(most, executor_->threads_for(i));
    return Napi::Number::New(call.Env(), most);
  }

  Arena arena_;  // lies in the property `memory`
  History history_;
  const Isa* isa_ = nullptr;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<Flight> flight_;  // last: its thread uses the rest
};

void deliver(Napi::Env env, Napi::Function, Flight* flight, News* news) {
  if (static_cast<napi_env>(env) == nullptr) return;  // the environment goes; nobody listens
  if (*news == News::done) return flight->owner->land(env);
  flight->is_progress_waiting.store(false);
  const auto steps = static_cast<double>(flight->steps.load(std::memory_order_relaxed));
  const auto runs = static_cast<double>(flight->runs.load(std::memory_order_relaxed));
  tell(env, flight->on_progress, {number_value(env, steps), number_value(env, runs)});
}

void join_at_teardown(void* argument) {
  const auto* const flight = static_cast<Flight*>(argument);
  flight->thread->cancel();
  flight->thread->join();
}

}  // namespace

void define_executable(Napi::Env env, Napi::Object exports) { exports.Set("Executable", Executable::define(env)); }

}  // namespace hadamard::addon
