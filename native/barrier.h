// A barrier that also carries one small decision from the thread that arrives last to all.
#pragma once

#include <atomic>
#include <cstdint>

namespace hadamard {

// A hint to the processor that this is a spin loop.
inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits until the value is no longer `old`: spins briefly, then sleeps. Returns the new value.
inline std::uint32_t wait_for_change(const std::atomic<std::uint32_t>& value, std::uint32_t old, int spins) {
  for (int i = 0; i < spins; ++i) {
    const std::uint32_t now = value.load(std::memory_order_acquire);
    if (now != old) return now;
    pause();
  }
  value.wait(old, std::memory_order_acquire);
  return value.load(std::memory_order_acquire);
}

class Barrier {
 public:
  Barrier(int threads, int spins) : threads_(static_cast<std::uint32_t>(threads)), spins_(spins) {}

  // `decide() -> 0…3` runs on the last thread to arrive, when all others have, and every thread receives its answer,
  // which is part of the phase: that cannot change again before each thread has read it and come back.
  template <class Decide>
  std::uint32_t wait(Decide decide) {
    const std::uint32_t phase = phase_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 < threads_) {
      return wait_for_change(phase_, phase, spins_) & 3u;
    }
    const std::uint32_t answer = decide();
    arrived_.store(0, std::memory_order_relaxed);
    phase_.store((((phase >> 2) + 1) << 2) | answer, std::memory_order_release);
    phase_.notify_all();
    return answer;
  }

 private:
  const std::uint32_t threads_;
  const int spins_;
  alignas(64) std::atomic<std::uint32_t> arrived_{0};
  alignas(64) std::atomic<std::uint32_t> phase_{0};
};

}  // namespace hadamard
