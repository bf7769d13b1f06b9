// Products that look for infinities and NaN instead of the find_nonfinite behind them: the flag is the same, wherever the number
// lies and whatever stands between.
#include <doctest/doctest.h>

#include <limits>
#include <optional>

#include "example.h"
#include "executor.h"

namespace hadamard::test {
namespace {

// dw = x' · dy, large enough for a look of its own and ragged at every edge, in the middle of a vector with a check.
template <class Real>
struct Checked {
  static constexpr Index m = 71, n = 67, rows = 5, before = 10, behind = 30, count = before * 16 + m * n + behind;

  Assembler a;
  Index status, flag, x, dy, vector, other;

  explicit Checked(bool is_replaced = false) {
    const Index size = sizeof(Real);
    a.source.rows = rows;
    a.source.dtype = size == 4 ? Dtype::float32 : Dtype::float64;
    a.source.status = status = a.place(1, 4);
    flag = a.place(1, 4), x = a.place(m * rows, size), dy = a.place(n * rows, size);
    vector = a.place(count, size), other = a.place(m * n, size);
    const auto at = [](Index offset) { return std::pair<double, double>{0, double(offset)}; };
    a.entry("run");
    a.add("matmul_tn", {m, n, rows}, {at(x), at(dy), at(result())});
    a.add("barrier");
    if (is_replaced) {
      a.add("copy", {m * n}, {at(other), at(result())});
      a.add("barrier");
    }
    a.add("find_nonfinite", {count}, {at(vector), at(flag)});
    a.add("barrier");
    a.add("halt_if", {1}, {at(flag), at(status)});
  }

  Index result() const { return vector + before * 16 * Index(sizeof(Real)); }

  // Whether the flag is raised where x[at_x], and vector[at_vector] outside of the product, are infinite.
  bool is_raised(const Isa& isa, int threads, std::optional<Index> at_x, std::optional<Index> at_vector = {}) {
    const Memory arena(a.source.arena_bytes);
    for (Index i = 0; i < m * rows; ++i) arena.at<Real>(x)[i] = Real(i % 7) - 3;
    for (Index i = 0; i < n * rows; ++i) arena.at<Real>(dy)[i] = Real(i % 5) - 2;
    const Real infinity = std::numeric_limits<Real>::infinity();
    if (at_x) arena.at<Real>(x)[*at_x] = infinity;
    if (at_vector) arena.at<Real>(vector)[*at_vector] = infinity;
    const Buffer memory{arena.at<void>(), a.source.arena_bytes};
    LinkResult linked = link(a.source, {&memory, 1}, isa.kernels(a.source.dtype));
    REQUIRE(linked.error == "");
    Executor(std::move(linked.program), threads, 0).run({});
    const unsigned raised = *arena.at<unsigned>(flag);
    CHECK(*arena.at<unsigned>(status) == raised);
    return raised == 1;
  }
};

template <class Real>
void check_flags(const Isa& isa, int threads) {
  CAPTURE(isa.name);
  CAPTURE(threads);
  Checked<Real> checked;
  using C = Checked<Real>;
  CHECK_FALSE(checked.is_raised(isa, threads, {}));
  for (Index row = 0; row < C::m; ++row) CHECK(checked.is_raised(isa, threads, row + C::m * (row % C::rows)));
  for (const Index at : {Index{0}, C::before * 16 - 1, C::before * 16 + C::m * C::n, C::count - 1}) {
    CHECK(checked.is_raised(isa, threads, {}, at));
  }
}

}  // namespace

TEST_CASE("an infinite number raises the flag in the product, before it and behind it") {
  for (const Isa& isa : isas()) {
    if (!isa.supported()) continue;
    for (const int threads : {1, 3}) {
      check_flags<float>(isa, threads);
      check_flags<double>(isa, threads);
    }
  }
}

TEST_CASE("what another instruction replaces before the check raises no flag") {
  Checked<float> checked(true);
  for (const int threads : {1, 3}) {
    CHECK_FALSE(checked.is_raised(*find_isa("scalar"), threads, 5));
    CHECK(checked.is_raised(*find_isa("scalar"), threads, {}, 1));
  }
}

TEST_CASE("the product's part is left out of the check, which keeps what lies before and behind it") {
  Checked<float> checked;
  const Memory arena(checked.a.source.arena_bytes);
  const Buffer memory{arena.at<void>(), checked.a.source.arena_bytes};
  const LinkResult linked = link(checked.a.source, {&memory, 1}, find_isa("scalar")->kernels(Dtype::float32));
  REQUIRE(linked.error == "");
  const std::vector<Instruction>& all = linked.program.entries[0].instructions;
  REQUIRE(all.size() == 6);
  CHECK(all[0].nonfinite == arena.at<unsigned>(checked.flag));
  CHECK(all[2].extent == Checked<float>::before * 16);
  CHECK(all[3].extent == Checked<float>::behind);
}

}  // namespace hadamard::test
