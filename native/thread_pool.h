// Helper threads, shared by all runs of the process under one budget, so that several networks at once do not fight for
// the cores.
#pragma once

#include <functional>
#include <memory>
#include <vector>

namespace hadamard {

class Helper;

// The helpers of one run, back in the pool when this goes. There may be fewer than wanted, or none.
class Helpers {
 public:
  // Asks for what `threads` threads need beside the caller's own.
  explicit Helpers(int threads);
  ~Helpers();
  Helpers(const Helpers&) = delete;
  Helpers& operator=(const Helpers&) = delete;

  // Threads of the run: the caller's and the helpers'.
  int threads() const { return static_cast<int>(helpers_.size()) + 1; }

  // Tries of a spin loop before a thread of this run sleeps: none where threads outnumber cores.
  int spins() const { return spins_; }

  // job(0) on the caller's thread, job(1…) on the helpers'; returns when all have.
  void run(const std::function<void(int)>& job);

 private:
  std::vector<std::unique_ptr<Helper>> helpers_;
  int spins_ = 0;
};

// Creates the pool. A static object that joins runs in its destructor calls this in its constructor, to go first.
void prepare_thread_pool();

}  // namespace hadamard
