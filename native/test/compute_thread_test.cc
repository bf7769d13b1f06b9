// Threads that compute have the stack that products need, whatever the system gives to others.
#include "compute_thread.h"

#include <doctest/doctest.h>

namespace hadamard::test {

TEST_CASE("work is done on a thread of its own, and joined") {
  int done = 0;
  ComputeThread thread;
  thread.join();
  for (int i = 1; i <= 3; ++i) {
    REQUIRE(thread.start([&done] { ++done; }));
    thread.join();
    CHECK(done == i);
  }
}

#ifdef __GLIBC__

TEST_CASE("the stack suffices where the system's threads have that of musl") {
  pthread_attr_t before, small;
  REQUIRE(pthread_getattr_default_np(&before) == 0);
  pthread_attr_init(&small);
  REQUIRE(pthread_attr_setstacksize(&small, 128 << 10) == 0);
  REQUIRE(pthread_setattr_default_np(&small) == 0);
  std::size_t bytes = 0;
  ComputeThread thread;
  REQUIRE(thread.start([&bytes] {
    pthread_attr_t own;
    pthread_getattr_np(pthread_self(), &own);
    pthread_attr_getstacksize(&own, &bytes);
    pthread_attr_destroy(&own);
  }));
  thread.join();
  CHECK(bytes >= ComputeThread::least_stack_bytes);
  pthread_setattr_default_np(&before);
  pthread_attr_destroy(&small);
  pthread_attr_destroy(&before);
}

#endif

}  // namespace hadamard::test
