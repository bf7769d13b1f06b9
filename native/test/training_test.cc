// Trainings under threads that start, stop and look on at any time; what the thread sanitizer is run for.
#include "training_thread.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "classifier.h"
#include "cpu.h"

namespace hadamard::test {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr Index forever = Index{1} << 40;

// A classifier with its own memory, ready to train.
struct Training {
  Classifier classifier;
  Memory arena{classifier.source.arena_bytes};
  Executor executor;

  explicit Training(int threads, const char* isa = "scalar") : executor(linked(isa), threads, 0) {
    classifier.initialize(arena);
  }

  Program linked(const char* isa) {
    LinkResult result = link(classifier.source, classifier.buffers(arena.at<void>()), find_isa(isa)->kernels(classifier.source.dtype));
    REQUIRE(result.error == "");
    return std::move(result.program);
  }

  RunOptions epochs(Index times, History* history = nullptr) const {
    return {.entry = 1, .times = times, .report = {classifier.total_loss, 1}, .history = history};
  }

  std::vector<char> bytes() const {
    const char* const start = arena.at<char>();
    return {start, start + classifier.source.arena_bytes};
  }
};

std::vector<char> after_epochs(Index epochs, int threads, const char* isa = "scalar") {
  const Training training(threads, isa);
  const RunResult result = training.executor.run(training.epochs(epochs));
  CHECK(result.runs == epochs);
  CHECK(result.status == 0);
  return training.bytes();
}

// The same on one thread, whole epochs first, then one that is cancelled so that its last step is the right one.
std::vector<char> after(const RunResult& result) {
  const Training training(1);
  training.executor.run(training.epochs(result.runs));
  const Index steps = result.steps - result.runs * Classifier::steps;
  std::atomic<bool> cancel{steps == 1};
  RunOptions options = training.epochs(1);
  options.cancel = &cancel;
  options.on_step = [&](Index done, Index) { cancel = done >= steps - 1; };
  if (steps > 0) CHECK(training.executor.run(options).steps == steps);
  return training.bytes();
}

void wait_for(const std::function<bool()>& is_true) {
  while (!is_true()) std::this_thread::sleep_for(microseconds(100));
}

}  // namespace

TEST_CASE("a training with shuffle, dropout and Adam gives the same arena on any number of threads") {
  const std::vector<char> expected = after_epochs(25, 1);
  for (const Isa& isa : isas()) {
    if (!isa.supported()) continue;
    for (const int threads : {1, 2, 3, 7}) {
      CAPTURE(isa.name);
      CAPTURE(threads);
      CHECK(after_epochs(25, threads, isa.name) == expected);
    }
  }
}

TEST_CASE("the classifier learns, and its history can be read by another thread while it does") {
  Training training(3);
  History history;
  history.start(1);
  std::atomic<bool> is_done{false};
  std::vector<double> seen;
  std::thread reader([&] {
    while (!is_done) {
      const std::vector<double> news = history.from(Index(seen.size()));
      seen.insert(seen.end(), news.begin(), news.end());
      std::this_thread::yield();
    }
  });
  const RunResult result = training.executor.run(training.epochs(150, &history));
  is_done = true;
  reader.join();
  const std::vector<double> losses = history.from(0);
  REQUIRE(losses.size() == 150);
  CHECK(result.steps == 150 * Classifier::steps);
  CHECK(losses.back() < 0.5 * losses.front());
  REQUIRE(seen.size() <= losses.size());
  CHECK(std::equal(seen.begin(), seen.end(), losses.begin()));
}

TEST_CASE("a run that another thread cancels stops between two steps") {
  for (const int threads : {1, 2, 3, 7}) {
    Training training(threads);
    std::atomic<bool> cancel{false};
    std::atomic<Index> progress{0};
    RunOptions options = training.epochs(forever);
    options.cancel = &cancel;
    options.on_step = [&progress](Index steps, Index) { progress = steps; };
    std::thread canceller([&] {
      wait_for([&] { return progress >= 30; });
      cancel = true;
    });
    const RunResult result = training.executor.run(options);
    canceller.join();
    CAPTURE(threads);
    CHECK(result.is_cancelled);
    CHECK(result.steps >= 30);
    CHECK(training.bytes() == after(result));
  }
}

TEST_CASE("a repeat of 2^31 rows is cancelled like any other") {
  for (const int threads : {1, 2}) {
    Assembler a;
    a.source.rows = 1;
    const Index counter = a.place(1, 4);
    a.source.status = a.place(1, 4);
    a.entry("tick");
    a.add("advance", {}, {{0, double(counter)}});
    a.entry("run");
    a.add("repeat", {0, 2147483648.0, 1});
    const Memory arena(a.source.arena_bytes);
    const Buffer buffer{arena.at<void>(), a.source.arena_bytes};
    LinkResult linked = link(a.source, {&buffer, 1}, find_isa("scalar")->kernels(a.source.dtype));
    REQUIRE(linked.error == "");
    const Executor executor(std::move(linked.program), threads, 0);
    RunResult result;
    TrainingThread thread(executor, {.entry = 1}, nullptr, [&result](const RunResult& r) { result = r; });
    std::this_thread::sleep_for(milliseconds(5));
    thread.cancel();
    thread.join();
    CHECK(result.is_cancelled);
    CHECK(result.runs == 0);
    CHECK(result.steps == Index(*arena.at<unsigned>(counter)));
  }
}

TEST_CASE("two trainings at once share the budget of threads and change no bit of each other") {
  const std::vector<char> expected = after_epochs(50, 1);
  const int wanted = std::max(2, cpu::available_cores());
  for (int round = 0; round < 3; ++round) {
    Training a(wanted), b(wanted);
    RunResult of_a, of_b;
    const auto on_progress = [](Index, Index) {};
    {
      TrainingThread first(a.executor, a.epochs(50), on_progress, [&](const RunResult& r) { of_a = r; });
      TrainingThread second(b.executor, b.epochs(50), on_progress, [&](const RunResult& r) { of_b = r; });
      first.join();
      second.join();
    }
    CHECK(std::max(of_a.threads, of_b.threads) <= wanted);
    CHECK(of_a.runs == 50);
    CHECK(of_b.runs == 50);
    CHECK(a.bytes() == expected);
    CHECK(b.bytes() == expected);
  }
}

TEST_CASE("while one run holds all threads of the budget, another has its own alone") {
  const int wanted = std::max(2, cpu::available_cores());
  Training large(wanted), other(wanted);
  std::atomic<Index> steps{0};
  std::atomic<bool> cancel{false};
  RunOptions options = large.epochs(forever);
  options.cancel = &cancel;
  options.on_step = [&steps](Index done, Index) { steps = done; };
  RunResult of_large;
  std::thread runner([&] { of_large = large.executor.run(options); });
  wait_for([&] { return steps > 0; });
  const RunResult of_other = other.executor.run(other.epochs(5));
  cancel = true;
  runner.join();
  CHECK(of_large.threads == wanted);
  CHECK(of_other.threads == 1);
}

TEST_CASE("a training thread may be destroyed at any time, and joined by several threads at once") {
  for (int delay = 0; delay < 20; ++delay) {
    Training training(1 + delay % 3);
    std::atomic<int> done{0};
    History history;
    history.start(1);
    Index runs = -1;
    {
      TrainingThread thread(training.executor, training.epochs(forever, &history), [](Index, Index) {},
                            [&](const RunResult& result) {
                              runs = result.runs;
                              done += result.is_cancelled ? 1 : 100;
                            });
      std::this_thread::sleep_for(microseconds(delay * 200));
      if (delay % 4 == 3) {
        std::thread other([&thread] { thread.join(); });
        thread.cancel();
        thread.join();
        other.join();
      }
    }
    CHECK(done == 1);
    CHECK(Index(history.from(0).size()) == runs);
  }
}

#if defined(__linux__)
// Run by the test below in a process of its own: std::exit in the middle of two trainings.
TEST_CASE("exit in the middle" * doctest::skip()) {
  // Never destroyed, like what a JavaScript environment holds when the process exits under it.
  static auto* const histories = new History[2];
  static auto* const trainings = new std::unique_ptr<Training>[2];
  static auto* const threads = new std::unique_ptr<TrainingThread>[2];
  for (int i = 0; i < 2; ++i) {
    histories[i].start(1);
    trainings[i] = std::make_unique<Training>(2 + i);
    threads[i] = std::make_unique<TrainingThread>(trainings[i]->executor, trainings[i]->epochs(forever, &histories[i]),
                                                  [](Index, Index) {}, [](const RunResult&) {});
  }
  for (int i = 0; i < 2; ++i) wait_for([i] { return histories[i].from(0).size() > 3; });
  std::exit(7);
}

TEST_CASE("a process that exits in the middle of trainings ends them first") {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string command = "'" + self + "' --no-skip --test-case='exit in the middle' --minimal";
  CHECK(WEXITSTATUS(std::system(command.c_str())) == 7);
}
#endif

}  // namespace hadamard::test
