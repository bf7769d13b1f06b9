// A thread with a stack for what kernels keep there: products copy panels of up to a third of a megabyte, where a thread gets
// half of one from macOS and an eighth from musl.
#pragma once

#include <cstddef>
#include <functional>

#ifdef _WIN32
#include <thread>
#else
#include <pthread.h>
#endif

namespace hadamard {

class ComputeThread {
 public:
  static constexpr std::size_t least_stack_bytes = std::size_t{2} << 20;

  ComputeThread() = default;
  ComputeThread(const ComputeThread&) = delete;
  ComputeThread& operator=(const ComputeThread&) = delete;

  // False where the system has no thread left; else to be joined before this is destroyed.
  [[nodiscard]] bool start(std::function<void()> work);

  // Returns when the work is done; at once where there is none.
  void join();

 private:
#ifdef _WIN32
  std::thread thread_;
#else
  static void* run(void* self);

  std::function<void()> work_;
  pthread_t thread_{};
  bool is_joinable_ = false;
#endif
};

}  // namespace hadamard
