// The walk over the instructions, and the decisions at barriers that end it on all threads at the same place.
#include "executor.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "barrier.h"
#include "thread_pool.h"

namespace hadamard {
namespace {

// What the threads agree on at a barrier.
enum Signal : std::uint32_t { go = 0, halt = 1, cancelled = 2 };

struct Batch {
  Index rows, cursor;
};

// Parts of other dims than rows are whole cache lines of floats.
constexpr Index split_grain = 16;

// An instruction of a step that one thread walks: its call for a whole batch, or without a kernel a barrier.
struct ReadyCall {
  Kernel kernel = nullptr;
  Call call{};
};

// The state of one run that its threads share.
class Run {
 public:
  Run(const Program& program, const RunOptions& options, int threads, int spins)
      : program_(program), options_(options), threads_(threads), barrier_(threads, spins) {}

  void work(int thread) {
    const Entry& entry = program_.entries[options_.entry];
    const Batch whole{options_.rows < 0 ? program_.rows : options_.rows, options_.cursor};
    const bool has_steps = std::any_of(entry.instructions.begin(), entry.instructions.end(),
                                       [](const Instruction& i) { return i.kind == Instruction::Kind::repeat; });
    std::uint32_t signal = go;
    for (Index run = 0; run < options_.times && signal == go; ++run) {
      signal = walk(entry, whole, thread);
      if (signal != go) break;
      // The report is read when all threads have written their part and before any begins the next run.
      meet([] { return go; });
      if (thread == 0) complete_run(!has_steps);
      signal = meet([this, run] { return after_run(run + 1 == options_.times); });
    }
    if (thread == 0) result_.is_cancelled = signal == cancelled;
  }

  RunResult result() const {
    RunResult result = result_;
    result.status = *program_.status;
    result.threads = threads_;
    return result;
  }

 private:
  template <class Decide>
  std::uint32_t meet(Decide decide) {
    return threads_ == 1 ? std::uint32_t{decide()} : barrier_.wait(decide);
  }

  bool must_halt() const { return *program_.status != 0 && *program_.status != unsigned(Status::early_stop); }
  bool is_cancelled() const { return options_.cancel != nullptr && options_.cancel->load(std::memory_order_relaxed); }

  Signal after_step() const { return must_halt() ? halt : is_cancelled() ? cancelled : go; }
  Signal after_run(bool is_last) const {
    return *program_.status != 0 ? halt : !is_last && is_cancelled() ? cancelled : go;
  }

  // `is_step` tells the walk through a batch of a repeat from the walk through the run's own entry.
  std::uint32_t walk(const Entry& entry, Batch batch, int thread, bool is_step = false) {
    if (threads_ == 1) return walk_alone(entry, batch, is_step);
    for (auto at = entry.instructions.begin(); at != entry.instructions.end(); at += at->together) {
      const Instruction& instruction = *at;
      std::uint32_t signal = go;
      switch (instruction.kind) {
        case Instruction::Kind::op: execute(std::span(at, static_cast<std::size_t>(at->together)), batch, thread); break;
        case Instruction::Kind::barrier: signal = meet([this] { return must_halt() ? halt : go; }); break;
        case Instruction::Kind::repeat:
          signal = is_step ? repeat_part(instruction, batch, thread) : repeat(instruction, thread);
          break;
      }
      if (signal != go) return signal;
    }
    return go;
  }

  // The same on one thread, which meets nobody: where a step takes half a microsecond, a few cycles per instruction count.
  std::uint32_t walk_alone(const Entry& entry, Batch batch, bool is_step) {
    for (auto at = entry.instructions.begin(); at != entry.instructions.end();) {
      const Instruction& instruction = *at;
      std::uint32_t signal = go;
      if (instruction.kind == Instruction::Kind::op) {
        if (instruction.strip > 0 && batch.rows > instruction.strip) {
          execute(std::span(at, static_cast<std::size_t>(at->together)), batch, 0);
          at += instruction.together;
          continue;
        }
        call(instruction, batch, 0, instruction.splits_rows ? batch.rows : instruction.extent);
      } else if (instruction.kind == Instruction::Kind::barrier) {
        if (must_halt()) return halt;
      } else {
        signal = is_step ? repeat_part(instruction, batch, 0) : repeat(instruction, 0);
      }
      if (signal != go) return signal;
      ++at;
    }
    return go;
  }

  std::uint32_t repeat(const Instruction& instruction, int thread) {
    const Entry& body = program_.entries[instruction.entry];
    const bool can_be_ready = threads_ == 1 && !must_halt();
    std::vector<ReadyCall> ready = can_be_ready ? ready_calls(body, instruction.batch) : std::vector<ReadyCall>{};
    for (Index cursor = 0; cursor < instruction.total; cursor += instruction.batch) {
      const Batch batch{std::min(instruction.batch, instruction.total - cursor), cursor};
      const bool is_ready = !ready.empty() && batch.rows == instruction.batch;
      std::uint32_t signal = is_ready ? call_ready(ready, cursor) : walk(body, batch, thread, true);
      if (signal != go) return signal;
      signal = meet([this] { return after_step(); });
      if (thread == 0) count_step();
      if (signal != go) return signal;
    }
    return go;
  }

  // Calls that every step of so many rows makes in the same way; none where a step has repeats or takes strips of its rows.
  // Barriers are left out before which nothing can have stopped the run.
  std::vector<ReadyCall> ready_calls(const Entry& step, Index rows) {
    std::vector<ReadyCall> calls;
    bool may_halt = false;
    for (const Instruction& instruction : step.instructions) {
      const bool has_strips = instruction.strip > 0 && rows > instruction.strip;
      if (instruction.kind == Instruction::Kind::repeat || has_strips) return {};
      const bool is_barrier = instruction.kind == Instruction::Kind::barrier;
      may_halt = is_barrier ? may_halt : may_halt || instruction.may_halt;
      if (is_barrier && !may_halt) continue;
      ReadyCall& ready = calls.emplace_back();
      if (is_barrier) {
        may_halt = false;
        continue;
      }
      ready.kernel = instruction.kernel;
      ready.call = call_of(instruction, {rows, 0}, 0, instruction.splits_rows ? rows : instruction.extent);
    }
    return calls;
  }

  // What walk_alone does with them, in a quarter of the processor's instructions.
  std::uint32_t call_ready(std::span<ReadyCall> calls, Index cursor) const {
    for (ReadyCall& ready : calls) {
      if (ready.kernel == nullptr) {
        if (must_halt()) return halt;
        continue;
      }
      ready.call.cursor = cursor;
      ready.kernel(ready.call);
    }
    return go;
  }

  // A repeat inside a step divides the rows of the step's batch; its turns are no steps of their own.
  std::uint32_t repeat_part(const Instruction& instruction, Batch whole, int thread) {
    const Entry& body = program_.entries[instruction.entry];
    const Index total = std::min(instruction.total, whole.rows);
    for (Index done = 0; done < total; done += instruction.batch) {
      const Batch batch{std::min(instruction.batch, total - done), whole.cursor + done};
      std::uint32_t signal = walk(body, batch, thread, true);
      if (signal == go) signal = meet([this] { return after_step(); });
      if (signal != go) return signal;
    }
    return go;
  }

  // This thread's part of instructions that run together, a strip of rows at a time.
  void execute(std::span<const Instruction> together, Batch batch, int thread) {
    const Instruction& first = together.front();
    Index begin = 0, end = first.splits_rows ? batch.rows : first.extent;
    if (first.is_serial) {
      if (thread != 0) return;
    } else if (threads_ > 1) {
      const Index grain = first.splits_rows ? 1 : split_grain;
      const Index parts = (end + grain - 1) / grain;
      begin = parts * thread / threads_ * grain;
      end = std::min(end, parts * (thread + 1) / threads_ * grain);
      if (begin >= end) return;
    }
    const Index strip = first.strip > 0 && end - begin > first.strip ? first.strip : end - begin;
    for (Index at = begin;;) {
      const Index next = std::min(end, at + strip);
      for (const Instruction& instruction : together) call(instruction, batch, at, next);
      if (next == end) return;
      at = next;
    }
  }

  Call call_of(const Instruction& instruction, Batch batch, Index begin, Index end) {
    return {.dims = instruction.dims,
            .scalars = instruction.scalars,
            .operands = instruction.operands,
            .rows = instruction.has_rows ? batch.rows : 0,
            .cursor = batch.cursor,
            .begin = begin,
            .end = end,
            .ahead = threads_ == 1 ? &ahead_ : nullptr,
            .nonfinite = instruction.nonfinite};
  }

  void call(const Instruction& instruction, Batch batch, Index begin, Index end) {
    instruction.kernel(call_of(instruction, batch, begin, end));
  }

  void count_step() {
    ++result_.steps;
    if (options_.on_step) options_.on_step(result_.steps, result_.runs);
  }

  void complete_run(bool is_step) {
    ++result_.runs;
    if (options_.history != nullptr && options_.report.count > 0) {
      const char* const arena = static_cast<const char*>(program_.arena.data);
      options_.history->append(reinterpret_cast<const double*>(arena + options_.report.offset));
    }
    if (is_step) count_step();
  }

  const Program& program_;
  const RunOptions& options_;
  const int threads_;
  Barrier barrier_;
  RunResult result_;  // thread 0 only
  RowsAhead ahead_;   // of a run on one thread: of several, each would have to know its rows of the next batch
};

}  // namespace

void History::start(Index count) {
  const std::lock_guard lock(mutex_);
  count_ = count;
  values_.clear();
}

void History::append(const double* values) {
  const std::lock_guard lock(mutex_);
  values_.insert(values_.end(), values, values + count_);
}

std::vector<double> History::from(Index run) const {
  const std::lock_guard lock(mutex_);
  if (count_ == 0 || run >= static_cast<Index>(values_.size()) / count_) return {};
  return std::vector<double>(values_.begin() + run * count_, values_.end());
}

int Executor::threads_for(std::size_t entry) const {
  return program_.entries[entry].step_work < minimum_work_ ? 1 : threads_;
}

RunResult Executor::run(const RunOptions& options) const {
  Helpers helpers(threads_for(options.entry));
  Run run(program_, options, helpers.threads(), helpers.spins());
  helpers.run([&run](int thread) { run.work(thread); });
  return run.result();
}

bool Executor::is_brief(const RunOptions& options) const {
  const double work = program_.entries[options.entry].run_work * static_cast<double>(options.times);
  return threads_for(options.entry) == 1 && work <= brief_work;
}

RunResult Executor::run_here(const RunOptions& options) const {
  if (threads_for(options.entry) > 1) return this->run(options);
  Run run(program_, options, 1, 0);
  run.work(0);
  return run.result();
}

}  // namespace hadamard
