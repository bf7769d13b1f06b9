// The pool proper: a list of idle helpers and the number of threads in runs.
#include "thread_pool.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>

#include "barrier.h"
#include "compute_thread.h"
#include "cpu.h"

namespace hadamard {
namespace {

// 20 to 50 µs: longer than the threads of a step differ, shorter than a time slice of somebody else's.
constexpr int brief_spins = 1000;

enum State : std::uint32_t { idle, busy, quitting };

}  // namespace

class Helper {
 public:
  // None where the system has no thread left.
  static std::unique_ptr<Helper> create() {
    auto helper = std::make_unique<Helper>();
    if (!helper->thread_.start([self = helper.get()] { self->work(); })) helper.reset();
    return helper;
  }

  ~Helper() {
    set(quitting);
    thread_.join();
  }

  void start(const std::function<void(int)>& job, int index) {
    job_ = &job;
    index_ = index;
    set(busy);
  }

  void wait_until_idle(int spins) {
    while (state_.load(std::memory_order_acquire) == busy) wait_for_change(state_, busy, spins);
  }

 private:
  void set(State state) {
    state_.store(state, std::memory_order_release);
    state_.notify_all();
  }

  void work() {
    for (;;) {
      const std::uint32_t state = wait_for_change(state_, idle, brief_spins);
      if (state == quitting) return;
      (*job_)(index_);
      set(idle);
    }
  }

  const std::function<void(int)>* job_ = nullptr;
  int index_ = 0;
  std::atomic<std::uint32_t> state_{idle};
  ComputeThread thread_;  // last: it reads the members above
};

namespace {

class ThreadPool {
 public:
  static ThreadPool& shared() {
    static ThreadPool pool;
    return pool;
  }

  // A run that asks for more threads than there are cores gets them while it is alone.
  std::vector<std::unique_ptr<Helper>> acquire(int threads, int& spins) {
    const std::lock_guard lock(mutex_);
    const int wanted = std::max(0, threads - 1);
    const int free = std::max(cores_, threads) - running_ - 1;
    const int granted = std::clamp(free, 0, wanted);
    std::vector<std::unique_ptr<Helper>> helpers;
    for (int i = 0; i < granted; ++i) {
      std::unique_ptr<Helper> helper = take_idle();
      if (helper == nullptr) helper = Helper::create();
      if (helper == nullptr) break;
      helpers.push_back(std::move(helper));
    }
    running_ += 1 + static_cast<int>(helpers.size());
    spins = running_ <= cores_ ? brief_spins : 0;
    return helpers;
  }

  void release(std::vector<std::unique_ptr<Helper>> helpers) {
    const std::lock_guard lock(mutex_);
    running_ -= 1 + static_cast<int>(helpers.size());
    for (auto& helper : helpers) idle_.push_back(std::move(helper));
  }

 private:
  std::unique_ptr<Helper> take_idle() {
    if (idle_.empty()) return nullptr;
    std::unique_ptr<Helper> helper = std::move(idle_.back());
    idle_.pop_back();
    return helper;
  }

  const int cores_ = cpu::available_cores();
  std::mutex mutex_;
  std::vector<std::unique_ptr<Helper>> idle_;
  int running_ = 0;  // threads in runs, the callers' own among them
};

}  // namespace

Helpers::Helpers(int threads) { helpers_ = ThreadPool::shared().acquire(threads, spins_); }

Helpers::~Helpers() { ThreadPool::shared().release(std::move(helpers_)); }

void Helpers::run(const std::function<void(int)>& job) {
  int index = 1;
  for (const auto& helper : helpers_) helper->start(job, index++);
  job(0);
  for (const auto& helper : helpers_) helper->wait_until_idle(spins_);
}

void prepare_thread_pool() { ThreadPool::shared(); }

}  // namespace hadamard
