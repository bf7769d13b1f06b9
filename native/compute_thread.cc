// The standard's threads take whatever stack the system gives, so POSIX is asked itself.
#include "compute_thread.h"

#include <algorithm>
#include <utility>

namespace hadamard {

#ifdef _WIN32

// The stack is what the executable reserves for its own.
bool ComputeThread::start(std::function<void()> work) {
  thread_ = std::thread(std::move(work));
  return true;
}

void ComputeThread::join() {
  if (thread_.joinable()) thread_.join();
}

#else

bool ComputeThread::start(std::function<void()> work) {
  work_ = std::move(work);
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  std::size_t stack_bytes = 0;
  pthread_attr_getstacksize(&attributes, &stack_bytes);
  pthread_attr_setstacksize(&attributes, std::max(stack_bytes, least_stack_bytes));
  is_joinable_ = pthread_create(&thread_, &attributes, run, this) == 0;
  pthread_attr_destroy(&attributes);
  return is_joinable_;
}

void ComputeThread::join() {
  if (!is_joinable_) return;
  pthread_join(thread_, nullptr);
  is_joinable_ = false;
}

void* ComputeThread::run(void* self) {
  static_cast<ComputeThread*>(self)->work_();
  return nullptr;
}

#endif

}  // namespace hadamard
