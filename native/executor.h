// Runs an entry of a linked program on one or more threads. Every thread walks the same instructions and takes its own
// part of each; how many there are changes no bit. Trusts the program: link() has checked it.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

#include "program.h"

namespace hadamard {

// Steps below this many multiply-adds, 10 to 20 µs with AVX2, are faster on one thread: a barrier costs 0.3 µs, and what
// one thread wrote has to reach the other's cache.
constexpr double default_minimum_work = 250000;

// Runs of up to so many multiply-adds take some ten microseconds, as long as it takes to start a thread.
constexpr double brief_work = 500000;

// Numbers of the arena that are copied out after every completed run.
struct Report {
  Index offset = 0;  // in bytes, a multiple of 8
  Index count = 0;   // of f64
};

// The reports of a run so far; may be read from another thread.
class History {
 public:
  void start(Index count);
  void append(const double* values);

  // The reports of the completed runs from this one on, one after another.
  std::vector<double> from(Index run) const;

 private:
  mutable std::mutex mutex_;
  Index count_ = 0;
  std::vector<double> values_;
};

struct RunOptions {
  std::size_t entry = 0;
  Index times = 1;
  Index rows = -1;  // of the batch, where the entry repeats nothing; -1 for the capacity
  Index cursor = 0;
  Report report{};
  History* history = nullptr;
  const std::atomic<bool>* cancel = nullptr;
  std::function<void(Index steps, Index runs)> on_step{};  // on the caller's thread, after every step
};

struct RunResult {
  Index runs = 0;   // completed; a run that stops in the middle does not count
  Index steps = 0;  // completed iterations of repeats, or runs of an entry without one
  unsigned status = 0;
  bool is_cancelled = false;
  int threads = 1;
};

class Executor {
 public:
  Executor(Program program, int threads, double minimum_work = default_minimum_work)
      : program_(std::move(program)), threads_(threads), minimum_work_(minimum_work) {}

  const Program& program() const { return program_; }

  // Threads that a run of this entry asks for.
  int threads_for(std::size_t entry) const;

  // Runs until `times` are complete, the status word stops it, or `cancel` is seen at the end of a step. A status of
  // early_stop ends with the current run, any other at the next barrier. The caller resets the status word.
  RunResult run(const RunOptions& options) const;

  // Whether a run is over before a thread for it would have begun.
  bool is_brief(const RunOptions& options) const;

  // The same as run(). Where one thread serves, that is the caller's, and the pool hears nothing of it.
  RunResult run_here(const RunOptions& options) const;

 private:
  Program program_;
  int threads_;
  double minimum_work_;
};

}  // namespace hadamard
