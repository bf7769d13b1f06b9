// The verifier refuses every kind of bad program, with a message that names the mistake and its place.
#include "program.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>

#include "example.h"
#include "executor.h"

namespace hadamard::test {
namespace {

const KernelTable& kernels() { return find_isa("scalar")->kernels(Dtype::float32); }

std::string error_of(Example& example) {
  const Memory arena(example.source.arena_bytes);
  return link(example.source, example.buffers(arena.at<void>()), kernels()).error;
}

// A number of the first instruction with this op in entry 0; the op itself is number 0.
double& number_of(Example& example, const std::string& op, std::size_t at) {
  std::size_t op_index = 0;
  while (example.source.ops[op_index] != op) ++op_index;
  std::size_t position = std::size_t(example.source.entries[0].start);
  while (std::size_t(example.source.code[position]) != op_index) {
    const std::string& name = example.source.ops[std::size_t(example.source.code[position])];
    if (name == "barrier") {
      position += 1;
      continue;
    }
    const Signature& skipped = ops()[std::size_t(find_op(name))];
    position += 1 + skipped.dims.size() + skipped.scalars.size() + 2 * skipped.operands.size();
  }
  return example.source.code[position + at];
}

// An entry of one repeat over all rows.
void add_repeat(Example& example, const std::string& name, double entry, double batch) {
  std::vector<double>& code = example.source.code;
  const Index start = Index(code.size());
  code.insert(code.end(), {*(code.end() - 4), entry, Example::total, batch});
  example.source.entries.push_back({name, start, start + 4});
}

struct Mistake {
  const char* title;
  std::function<void(Example&)> make;
  const char* message;
};

const double nan = std::numeric_limits<double>::quiet_NaN();

const Mistake mistakes[] = {
    {"an unknown op", [](Example& e) { e.source.ops[1] = "matmul_xy"; }, "received \"matmul_xy\""},
    {"an op index outside of ops", [](Example& e) { e.source.code[0] = 99; },
     "entry step, instruction 0: expected the index of an op"},
    {"an op index that is NaN", [](Example& e) { e.source.code[0] = nan; }, "expected the index of an op"},
    {"an instruction cut off", [](Example& e) { e.source.entries[0].end = 5; }, "numbers behind the op; received"},
    {"a fractional dim", [](Example& e) { number_of(e, "matmul_nn", 2) = 2.5; },
     "instruction 2, matmul_nn: expected an integer in [0, 2^31] for dim n; received 2.5"},
    {"a negative dim", [](Example& e) { number_of(e, "matmul_nn", 3) = -1; }, "for dim k; received -1"},
    {"an infinite dim", [](Example& e) { number_of(e, "matmul_nn", 3) = HUGE_VAL; }, "for dim k"},
    {"rows other than the capacity", [](Example& e) { number_of(e, "matmul_nn", 1) = 7; },
     "expected the program's capacity of 8 for dim rows; received 7"},
    {"a scalar that is NaN", [](Example& e) { number_of(e, "squared_error", 3) = nan; }, "a finite scalar factor"},
    {"an unknown buffer", [](Example& e) { number_of(e, "matmul_nn", 4) = 4; },
     "matmul_nn, operand x: expected a buffer in [0, 3]; received 4"},
    {"a negative offset", [](Example& e) { number_of(e, "matmul_nn", 5) = -64; }, "a byte offset, an integer >= 0"},
    {"an operand that ends outside", [](Example& e) { number_of(e, "matmul_nn", 5) = double(e.source.arena_bytes - 64); },
     "operand x: expected 672 bytes inside buffer 0"},
    {"a shape that overflows",
     [](Example& e) { number_of(e, "matmul_nn", 2) = number_of(e, "matmul_nn", 3) = 2147483648.0; }, "operand x: expected"},
    {"a data buffer that is too short", [](Example& e) { e.t_data.pop_back(); },
     "instruction 1, gather_rows, operand source: expected 2812 bytes inside buffer 2 of 2808 bytes"},
    {"an output outside of the arena", [](Example& e) { number_of(e, "matmul_nn", 8) = 1; },
     "operand y: expected an output in the arena"},
    {"a vector off the cache lines", [](Example& e) { number_of(e, "matmul_nn", 5) += 4; }, "aligned to 64"},
    {"a data offset between elements", [](Example& e) { number_of(e, "gather_rows", 8) = 2; }, "aligned to 4"},
    {"an f64 at a multiple of 4", [](Example& e) { number_of(e, "momentum", 4) += 4; },
     "operand rate: expected a byte offset aligned to 8"},
    {"an output over an input", [](Example& e) { number_of(e, "matmul_nn", 9) = number_of(e, "matmul_nn", 5); },
     "matmul_nn: expected output y apart from x"},
    {"an output half over an input that it may alias", [](Example& e) { number_of(e, "tanh", 6) += 64; },
     "tanh: expected output y exactly at x"},
    {"a status word outside of the arena", [](Example& e) { e.source.status = e.source.arena_bytes; }, "program, status"},
    {"a status word at an odd offset", [](Example& e) { e.source.status = 2; }, "expected a multiple of 4"},
    {"an entry outside of the code", [](Example& e) { e.source.entries[1].end += 1; }, "entry epoch: expected 0 <= start"},
    {"two entries of one name", [](Example& e) { e.source.entries[1].name = "step"; }, "\"step\" twice"},
    {"entries that share so much code that linking it takes all memory",
     [](Example& e) {
       e.source.code.assign(1 << 20, 0);
       for (int i = 0; i < 17; ++i) e.source.entries.push_back({std::to_string(i), 0, 1 << 20});
       e.source.entries.erase(e.source.entries.begin(), e.source.entries.begin() + 2);
     },
     "program, entries: expected at most 2^24 numbers in all"},
    {"a negative capacity", [](Example& e) { e.source.rows = -1; }, "program, rows"},
    {"a repeat of an unknown entry", [](Example& e) { e.source.code[e.source.code.size() - 3] = 2; },
     "entry epoch, instruction 2, repeat: expected the index of an entry in [0, 1]; received 2"},
    {"a repeat of itself", [](Example& e) { e.source.code[e.source.code.size() - 3] = 1; },
     "entry epoch, repeat: expected at most one repeat inside another"},
    {"a repeat inside a repeat inside a repeat",
     [](Example& e) {
       add_repeat(e, "run", 1, 16);
       add_repeat(e, "runs", 2, 16);
     },
     "entry runs, repeat: expected at most one repeat inside another; received entry run"},
    {"a step of more rows than the capacity with an op of its rows",
     [](Example& e) {
       const Index sum = &number_of(e, "sum", 0) - e.source.code.data();
       e.source.entries.push_back({"wide", sum, Index(e.source.code.size())});
       add_repeat(e, "run", 2, 16);
     },
     "entry run, repeat: expected a batch in [1, 8]"},
    {"a batch beyond the capacity", [](Example& e) { e.source.code.back() = 9; }, "a batch in [1, 8]"},
    {"a batch of nothing", [](Example& e) { e.source.code.back() = 0; }, "a batch in [1, 2^31]"},
};

}  // namespace

TEST_CASE("every signature of ops.def parses") {
  for (const Signature& op : ops()) {
    CAPTURE(op.name);
    CHECK(find_op(op.name) >= 0);
    CHECK((op.split == "serial") == (op.split_dim < 0));
  }
}

TEST_CASE("a bad signature is refused with its place") {
  const auto check = [](const char* split, const char* text, const char* message) {
    CAPTURE(text);
    CHECK(parse_signature("f", split, text).error.find(message) != std::string::npos);
  };
  check("rows", "(rows | | x[rows n]) -> y[rows]", "instead of 'n'");
  check("n", "(rows | | x[rows]) -> y[rows]", "split");
  check("rows", "(rows | | x[rows]) y[rows]", "'->'");
  check("rows", "(rows | | x:f16[rows]) -> y[rows]", "u32 or f64");
  check("rows", "(rows | | x[rows]) -> y~z[rows]", "instead of 'z'");
  check("rows", "(rows | | x[rows]) -> x[2]", "same type and shape");
}

TEST_CASE("a good program links, its entries by name") {
  Example example;
  const Memory arena(example.source.arena_bytes);
  const LinkResult linked = link(example.source, example.buffers(arena.at<void>()), kernels());
  CHECK(linked.error == "");
  CHECK(linked.program.find_entry("epoch") == 1);
  CHECK(linked.program.find_entry("fit") == -1);
  CHECK(linked.program.entries[1].step_work == linked.program.entries[0].step_work);
}

TEST_CASE("the verifier names each mistake and its place") {
  for (const Mistake& mistake : mistakes) {
    CAPTURE(mistake.title);
    Example example;
    mistake.make(example);
    const std::string error = error_of(example);
    CAPTURE(error);
    CHECK(error.find(mistake.message) != std::string::npos);
  }
}

TEST_CASE("a program with random numbers in place of its own does not break the verifier") {
  unsigned long long state = 1;
  const auto next = [&state] { return state = state * 6364136223846793005ull + 1442695040888963407ull, state >> 33; };
  const double special[] = {0, -0.0, -1, 1, 0.5, 64, 2147483648.0, 9007199254740992.0, 1e300, nan};
  Example example;
  for (int i = 0; i < 20000; ++i) {
    double& number = example.source.code[next() % example.source.code.size()];
    const double own = number;
    number = next() % 2 ? special[next() % std::size(special)] : double(next() % 4096);
    error_of(example);
    number = own;
  }
}

// Programs that the fuzzer found to break a kernel, by the numbers behind the op.
TEST_CASE("rows without columns at the arena's end are not read") {
  for (const Isa& isa : isas()) {
    if (!isa.supported()) continue;
    for (const char* op : {"softmax", "categorical_cross_entropy_with_logits",
                           "categorical_cross_entropy_with_logits_backward", "softmax_backward"}) {
      Assembler a;
      a.source.rows = 2;
      a.source.status = a.place(1, 4);
      const double end = double(a.place(2, 4) + 64);
      const Signature& signature = ops()[std::size_t(find_op(op))];
      std::vector<double> numbers(2 + signature.scalars.size(), 0);
      numbers[0] = 2;
      std::vector<std::pair<double, double>> places(signature.operands.size(), {0, end});
      if (signature.operands.back().dims.size() == 1) places.back().second = 64;
      a.entry("run");
      a.add(op, numbers, places);
      const Memory arena(a.source.arena_bytes);
      const Buffer buffer{arena.at<void>(), a.source.arena_bytes};
      LinkResult linked = link(a.source, {&buffer, 1}, isa.kernels(a.source.dtype));
      REQUIRE(linked.error == "");
      Executor(std::move(linked.program), 1).run({.times = 1});
      CHECK(arena.at<float>(64)[1] == 0.0f);
    }
  }
}

TEST_CASE("an empty buffer without an address is not copied from") {
  for (const Isa& isa : isas()) {
    if (!isa.supported()) continue;
    Assembler a;
    a.source.rows = 1;
    a.source.status = a.place(1, 4);
    const Index order = a.place(1, 4), loss = a.place(1, 8), state = a.place(4, 8), empty = a.place(0, 4);
    const auto at = [](Index offset) { return std::pair<double, double>{0, double(offset)}; };
    a.entry("run");
    a.add("gather_rows", {1, 0, 1, 1}, {{1, 0}, at(order), at(empty)});
    a.add("keep_best", {0, 1, 0}, {at(loss), {1, 0}, at(empty), at(state), at(a.source.status)});
    const Memory arena(a.source.arena_bytes);
    *arena.at<double>(state) = HUGE_VAL;
    const Buffer buffers[] = {{arena.at<void>(), a.source.arena_bytes}, {nullptr, 0}};
    LinkResult linked = link(a.source, buffers, isa.kernels(a.source.dtype));
    REQUIRE(linked.error == "");
    Executor(std::move(linked.program), 1).run({.times = 1});
    CHECK(arena.at<double>(state)[1] == 1);
  }
}

// As another thread does where a program lacks a barrier; here the scratch lies over the values, a few places on.
TEST_CASE("values that change while their distribution is found lead nowhere outside of the scratch") {
  constexpr Index count = 1000;
  for (const Isa& isa : isas()) {
    if (!isa.supported()) continue;
    for (const Index shift : {0, 1, 7, 500}) {
      const Memory memory((count + shift) * 4);
      for (Index i = 0; i < count + shift; ++i) memory.at<float>()[i] = std::sin(float(i * i)) * (i % 90 == 3 ? 1e30f : 1.0f);
      std::array<double, 7> summary{};
      void* const operands[] = {memory.at<void>(), summary.data(), memory.at<float>() + shift};
      isa.kernels(Dtype::float32).ops[find_op("distribution")](
          {.dims = &count, .scalars = nullptr, .operands = operands, .rows = 0, .cursor = 0, .begin = 0, .end = count});
      CHECK(summary[2] <= summary[6]);
    }
  }
}

TEST_CASE("parts of an op begin in an empty buffer without an address") {
  for (const Isa& isa : isas()) {
    if (!isa.supported()) continue;
    Assembler a;
    a.source.rows = 0;
    a.source.status = a.place(1, 4);
    const Index dw = a.place(65 * 65, 4);
    a.entry("run");
    a.add("matmul_tn", {65, 65, 0}, {{1, 0}, {1, 0}, {0, double(dw)}});
    const Memory arena(a.source.arena_bytes);
    std::fill_n(arena.at<float>(dw), 65 * 65, 1.0f);
    const Buffer buffers[] = {{arena.at<void>(), a.source.arena_bytes}, {nullptr, 0}};
    LinkResult linked = link(a.source, buffers, isa.kernels(a.source.dtype));
    REQUIRE(linked.error == "");
    Executor(std::move(linked.program), 3).run({.times = 1});
    CHECK(std::count(arena.at<float>(dw), arena.at<float>(dw) + 65 * 65, 0.0f) == 65 * 65);
  }
}

TEST_CASE("the logarithm of what has none overflows no integer on the way") {
  for (const Isa& isa : isas()) {
    if (!isa.supported()) continue;
    Assembler a;
    a.source.rows = 1;
    a.source.status = a.place(1, 4);
    const Index x = a.place(5, 4);
    a.entry("run");
    a.add("log", {1, 5}, {{0, double(x)}, {0, double(x)}});
    const Memory arena(a.source.arena_bytes);
    const float values[] = {-1, -1e-30f, -1e30f, -HUGE_VALF, float(nan)};
    std::copy(std::begin(values), std::end(values), arena.at<float>(x));
    const Buffer buffer{arena.at<void>(), a.source.arena_bytes};
    LinkResult linked = link(a.source, {&buffer, 1}, isa.kernels(a.source.dtype));
    REQUIRE(linked.error == "");
    Executor(std::move(linked.program), 1).run({.times = 1});
    for (Index i = 0; i < 5; ++i) CHECK(std::isnan(arena.at<float>(x)[i]));
  }
}

TEST_CASE("a dropout rate outside of [0, 1) keeps or drops everything, on every instruction set") {
  for (const Isa& isa : isas()) {
    if (!isa.supported()) continue;
    const auto masked = [&isa](double rate) {
      Assembler a;
      a.source.rows = 1;
      a.source.status = a.place(1, 4);
      const Index mask = a.place(9, 4);
      const Index key = a.place(3, 4);
      a.entry("run");
      a.add("dropout_mask", {1, 9, rate}, {{0, double(key)}, {0, double(key + 8)}, {0, double(mask)}});
      const Memory arena(a.source.arena_bytes);
      const Buffer buffer{arena.at<void>(), a.source.arena_bytes};
      LinkResult linked = link(a.source, {&buffer, 1}, isa.kernels(a.source.dtype));
      REQUIRE(linked.error == "");
      Executor(std::move(linked.program), 1).run({.times = 1});
      return std::vector<float>(arena.at<float>(mask), arena.at<float>(mask) + 9);
    };
    CHECK(masked(1) == std::vector<float>(9, 0.0f));
    CHECK(masked(2) == std::vector<float>(9, 0.0f));
    CHECK(masked(1e300) == std::vector<float>(9, 0.0f));
    CHECK(masked(-1) == std::vector<float>(9, 0.5f));
  }
}

TEST_CASE("a stride that does not count steps copies nothing, on every instruction set") {
  for (const Isa& isa : isas()) {
    if (!isa.supported()) continue;
    const auto copied = [&isa](double stride, double phase) {
      Assembler a;
      a.source.rows = 1;
      a.source.status = a.place(1, 4);
      const Index step = a.place(1, 4), x = a.place(5, 4), y = a.place(5, 4);
      a.entry("run");
      a.add("copy_at", {5, stride, phase}, {{0, double(step)}, {0, double(x)}, {0, double(y)}});
      const Memory arena(a.source.arena_bytes);
      *arena.at<std::uint32_t>(step) = 7;
      std::fill_n(arena.at<float>(x), 5, 1.0f);
      const Buffer buffer{arena.at<void>(), a.source.arena_bytes};
      LinkResult linked = link(a.source, {&buffer, 1}, isa.kernels(a.source.dtype));
      REQUIRE(linked.error == "");
      Executor(std::move(linked.program), 1).run({.times = 1});
      return std::count(arena.at<float>(y), arena.at<float>(y) + 5, 1.0f);
    };
    CHECK(copied(3, 1) == 5);
    CHECK(copied(3, 2) == 0);
    CHECK(copied(4294967295.0, 7) == 5);
    for (const double stride : {0.0, 0.5, -3.5, 4294967296.0, 1e300, -1e300}) {
      CHECK(copied(stride, 7) == 0);
    }
  }
}

}  // namespace hadamard::test
