// The thread, the pace of its reports, and the list of all such threads that a process which exits must end first.
#include "training_thread.h"

#include <chrono>
#include <cstdint>
#include <set>
#include <utility>

#include "thread_pool.h"

namespace hadamard {
namespace {

constexpr std::int64_t report_interval_ms = 33;

std::int64_t now_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

// Ends the runs of a process that exits in the middle of them, before anything that they use is destroyed.
class LiveThreads {
 public:
  static LiveThreads& shared() {
    static LiveThreads threads;
    return threads;
  }

  LiveThreads() { prepare_thread_pool(); }

  // Under the lock to the end: another thread that destroys one of these waits in remove().
  ~LiveThreads() {
    const std::lock_guard lock(mutex_);
    for (TrainingThread* const thread : threads_) thread->cancel();
    for (TrainingThread* const thread : threads_) thread->join();
  }

  void add(TrainingThread* thread) {
    const std::lock_guard lock(mutex_);
    threads_.insert(thread);
  }

  void remove(TrainingThread* thread) {
    const std::lock_guard lock(mutex_);
    threads_.erase(thread);
  }

 private:
  std::mutex mutex_;
  std::set<TrainingThread*> threads_;
};

}  // namespace

TrainingThread::TrainingThread(const Executor& executor, RunOptions options,
                               std::function<void(Index, Index)> on_progress,
                               std::function<void(const RunResult&)> on_done)
    : options_(std::move(options)), on_progress_(std::move(on_progress)) {
  options_.cancel = &cancel_;
  options_.on_step = [this](Index steps, Index runs) { report_progress(steps, runs); };
  last_report_ms_ = now_ms();
  LiveThreads::shared().add(this);
  const auto train = [this, &executor, on_done = std::move(on_done)] { on_done(executor.run(options_)); };
  const std::lock_guard lock(join_mutex_);  // an exit on another thread may join from here on
  // Where the system has no thread left, the caller waits.
  if (!thread_.start(train)) train();
}

TrainingThread::~TrainingThread() {
  LiveThreads::shared().remove(this);
  cancel();
  join();
}

void TrainingThread::join() {
  const std::lock_guard lock(join_mutex_);
  thread_.join();
}

// Steps can be shorter than a microsecond, so the clock is read only every `stride_` of them, about once a millisecond.
void TrainingThread::report_progress(Index steps, Index runs) {
  if (!on_progress_ || steps < next_look_) return;
  const std::int64_t now = now_ms();
  const std::int64_t passed = now - last_look_ms_;
  if (passed < 1 && stride_ < 4096) stride_ *= 2;
  if (passed > 4 && stride_ > 1) stride_ /= 2;
  last_look_ms_ = now;
  next_look_ = steps + stride_;
  if (now - last_report_ms_ < report_interval_ms) return;
  last_report_ms_ = now;
  on_progress_(steps, runs);
}

}  // namespace hadamard
