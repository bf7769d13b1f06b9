// A run of an executor on a thread of its own, with news of its progress, that can be cancelled and joined.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>

#include "compute_thread.h"
#include "executor.h"

namespace hadamard {

class TrainingThread {
 public:
  // Starts at once. Both callbacks come on the run's thread: on_progress at most about 30 times a second, on_done once.
  // `options.cancel` and `options.on_step` are this class's own. The executor must outlive the thread.
  TrainingThread(const Executor& executor, RunOptions options, std::function<void(Index steps, Index runs)> on_progress,
                 std::function<void(const RunResult&)> on_done);
  ~TrainingThread();
  TrainingThread(const TrainingThread&) = delete;
  TrainingThread& operator=(const TrainingThread&) = delete;

  // The run ends with its current step.
  void cancel() { cancel_.store(true, std::memory_order_relaxed); }

  // Returns when on_done has; any number of times, from any thread but the run's own.
  void join();

 private:
  void report_progress(Index steps, Index runs);

  std::atomic<bool> cancel_{false};
  RunOptions options_;
  std::function<void(Index, Index)> on_progress_;
  Index next_look_ = 1;  // steps at which to read the clock
  Index stride_ = 1;
  std::int64_t last_look_ms_ = 0;
  std::int64_t last_report_ms_ = 0;
  std::mutex join_mutex_;
  ComputeThread thread_;  // last: it reads the members above
};

}  // namespace hadamard
