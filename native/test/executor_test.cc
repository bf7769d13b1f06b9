// The executor: the same bits with any number of threads, and runs that end where they should.
#include "executor.h"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "example.h"
#include "training_thread.h"

namespace hadamard::test {
namespace {

// An example with its own memory, ready to train.
struct Trainer {
  Example example;
  Memory arena{example.source.arena_bytes};
  Executor executor;

  explicit Trainer(int threads, const char* isa = "scalar") : executor(linked(isa), threads, 0) {
    *arena.at<double>(example.rate) = 0.05;
    float* const w = arena.at<float>(example.w);
    for (Index i = 0; i < Example::inputs * Example::units; ++i) w[i] = float(std::sin(double(i)) * 0.2);
  }

  Program linked(const char* isa) {
    LinkResult result = link(example.source, example.buffers(arena.at<void>()), find_isa(isa)->kernels(example.source.dtype));
    REQUIRE(result.error == "");
    return std::move(result.program);
  }

  RunOptions epochs(Index times) const { return {.entry = 1, .times = times}; }

  std::vector<char> bytes() const {
    const char* const start = arena.at<char>();
    return {start, start + example.source.arena_bytes};
  }
};

std::vector<char> trained(int threads, const char* isa) {
  Trainer trainer(threads, isa);
  const RunResult result = trainer.executor.run(trainer.epochs(20));
  CHECK(result.runs == 20);
  CHECK(result.steps == 100);
  return trainer.bytes();
}

}  // namespace

TEST_CASE("every instruction set and number of threads gives the same arena, bit for bit") {
  const std::vector<char> expected = trained(1, "scalar");
  for (const Isa& isa : isas()) {
    if (!isa.supported()) continue;
    for (const int threads : {1, 2, 3, 7}) {
      CAPTURE(isa.name);
      CAPTURE(threads);
      CHECK(trained(threads, isa.name) == expected);
    }
  }
}

TEST_CASE("training lowers the loss, and the history holds every run's report") {
  Trainer trainer(2);
  History history;
  history.start(1);
  RunOptions options = trainer.epochs(30);
  options.report = {trainer.example.loss_sum, 1};
  options.history = &history;
  trainer.executor.run(options);
  const std::vector<double> losses = history.from(0);
  REQUIRE(losses.size() == 30);
  CHECK(losses.back() < 0.8 * losses.front());
  CHECK(history.from(28).size() == 2);
  CHECK(history.from(28)[1] == losses[29]);
  CHECK(history.from(30).empty());
}

TEST_CASE("a brief run on the caller's thread gives the same arena; a long one is not brief") {
  Trainer here(1), thread(1);
  const RunOptions brief = here.epochs(5);
  CHECK(here.executor.is_brief(brief));
  CHECK_FALSE(here.executor.is_brief(here.epochs(1000000)));
  CHECK_FALSE(Trainer(2).executor.is_brief(brief));
  const RunResult result = here.executor.run_here(brief);
  CHECK(result.runs == 5);
  CHECK(result.steps == 25);
  thread.executor.run(brief);
  CHECK(here.bytes() == thread.bytes());
}

TEST_CASE("the last batch of a repeat is ragged") {
  Trainer trainer(3);
  trainer.executor.run(trainer.epochs(1));
  // 37 = 4 * 8 + 5: rows 5 to 7 of the batch still hold what the fourth batch left there.
  const float* const x = trainer.arena.at<float>(trainer.example.x);
  for (Index row = 0; row < 8; ++row) {
    const Index from = (row < 5 ? 32 : 24) + row;
    const Index source = Index(trainer.example.order[std::size_t(from)]);
    CHECK(x[row * Example::inputs] == trainer.example.x_data[std::size_t(source * Example::inputs)]);
  }
  CHECK(*trainer.arena.at<unsigned>(trainer.example.steps) == 5);
}

// What a step of 16 rows does when a repeat of its own divides it into batches of 8.
TEST_CASE("a repeat inside a step divides the rows of the step") {
  for (const int threads : {1, 2, 3}) {
    CAPTURE(threads);
    Example example;
    Assembler a;
    a.source = std::move(example.source);
    const Index rows = a.place(1, 8), parts = a.place(1, 4), turns = a.place(1, 4);
    const auto at = [](Index offset) { return std::pair<double, double>{0, double(offset)}; };
    a.source.entries.clear(), a.source.code.clear();
    a.entry("part");
    a.add("gather_rows", {8, 21, 37, 37}, {{1, 0}, {3, 0}, at(example.x)});
    a.add("count_rows", {8}, {at(rows)});
    a.add("advance", {}, {at(parts)});
    a.entry("step");
    a.add("advance", {}, {at(turns)});
    a.add("barrier");
    a.add("repeat", {0, 16, 8});
    a.entry("epoch");
    a.add("repeat", {1, 37, 16});
    example.source = std::move(a.source);
    const Memory arena(example.source.arena_bytes);
    LinkResult linked = link(example.source, example.buffers(arena.at<void>()), find_isa("scalar")->kernels(Dtype::float32));
    REQUIRE(linked.error == "");
    const RunResult result = Executor(std::move(linked.program), threads, 0).run({.entry = 2});
    // 37 = 16 + 16 + 5: two parts, two parts, one of 5 rows. Steps are those of the outer repeat.
    CHECK(result.steps == 3);
    CHECK(*arena.at<unsigned>(turns) == 3);
    CHECK(*arena.at<unsigned>(parts) == 5);
    CHECK(*arena.at<double>(rows) == 37);
    for (Index row = 0; row < 8; ++row) {
      const Index source = Index(example.order[std::size_t((row < 5 ? 32 : 24) + row)]);
      CHECK(arena.at<float>(example.x)[row * 21] == example.x_data[std::size_t(source * 21)]);
    }
  }
}

TEST_CASE("a raised flag halts all threads at the step that raised it") {
  for (const int threads : {1, 2, 3}) {
    Trainer trainer(threads);
    *trainer.arena.at<double>(trainer.example.rate) = HUGE_VAL;
    const RunResult result = trainer.executor.run(trainer.epochs(10));
    CHECK(result.status == 1);
    CHECK(result.runs == 0);
    CHECK(*trainer.arena.at<unsigned>(trainer.example.steps) == 1);
  }
}

TEST_CASE("early_stop ends with the current run") {
  Trainer trainer(2);
  *trainer.arena.at<unsigned>(trainer.example.status) = unsigned(Status::early_stop);
  const RunResult result = trainer.executor.run(trainer.epochs(10));
  CHECK(result.runs == 1);
  CHECK(result.steps == 5);
  CHECK(result.status == unsigned(Status::early_stop));
}

TEST_CASE("cancelling leaves the arena as after the last complete step") {
  for (const int threads : {1, 2, 3}) {
    Trainer trainer(threads);
    std::atomic<bool> cancel{false};
    RunOptions options = trainer.epochs(1000);
    options.cancel = &cancel;
    options.on_step = [&cancel](Index steps, Index) { cancel = steps >= 7; };
    const RunResult result = trainer.executor.run(options);
    CHECK(result.is_cancelled);
    CHECK(result.steps == 8);  // seen at the end of the next step
    CHECK(result.runs == 1);
    CHECK(*trainer.arena.at<unsigned>(trainer.example.steps) == 8);
  }
}

TEST_CASE("a single step runs with the rows and the cursor that it is given") {
  Trainer trainer(2);
  trainer.executor.run({.entry = 0, .rows = 3, .cursor = 11});
  const float* const x = trainer.arena.at<float>(trainer.example.x);
  const Index source = Index(trainer.example.order[13]);
  CHECK(x[2 * Example::inputs] == trainer.example.x_data[std::size_t(source * Example::inputs)]);
  CHECK(x[3 * Example::inputs] == 0.0f);
}

TEST_CASE("a small program asks for one thread only") {
  Trainer trainer(4);
  CHECK(trainer.executor.threads_for(1) == 4);
  const Executor modest(trainer.linked("scalar"), 4);
  CHECK(modest.threads_for(1) == 1);
}

TEST_CASE("two executables train at once, and a training thread can be cancelled and joined") {
  const std::vector<char> expected = trained(1, "scalar");
  Trainer a(2), b(3), endless(2);
  std::atomic<int> done{0}, reports{0};
  const auto on_done = [&done](const RunResult&) { ++done; };
  const auto on_progress = [&reports](Index, Index) { ++reports; };
  const auto start = std::chrono::steady_clock::now();
  TrainingThread c(endless.executor, endless.epochs(Index{1} << 40), on_progress, on_done);
  {
    TrainingThread first(a.executor, a.epochs(20), nullptr, on_done);
    TrainingThread second(b.executor, b.epochs(20), nullptr, on_done);
    first.join();
    second.join();
  }
  CHECK(a.bytes() == expected);
  CHECK(b.bytes() == expected);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  c.cancel();
  c.join();
  c.join();
  CHECK(done == 3);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  CHECK(reports >= 1);
  CHECK(reports <= 31 * seconds + 1);
}

}  // namespace hadamard::test
