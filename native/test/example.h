// A small program written by hand: one dense layer y = tanh(x · w), squared error, momentum, in two
// phases per step. For tests of the verifier and of the executor.
#pragma once

#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "dispatch.h"
#include "program.h"

namespace hadamard::test {

// Assembles code and places memory.
class Assembler {
 public:
  Index place(Index count, Index element_bytes) {
    const Index offset = source.arena_bytes;
    source.arena_bytes += (count * element_bytes + 63) / 64 * 64;
    return offset;
  }

  void entry(const std::string& name) {
    source.entries.push_back({name, static_cast<Index>(source.code.size()), static_cast<Index>(source.code.size())});
  }

  // numbers: dims and scalars; operands: (buffer, offset) pairs.
  void add(const std::string& op, std::vector<double> numbers = {}, std::vector<std::pair<double, double>> operands = {}) {
    std::size_t index = 0;
    while (index < source.ops.size() && source.ops[index] != op) ++index;
    if (index == source.ops.size()) source.ops.push_back(op);
    source.code.push_back(static_cast<double>(index));
    source.code.insert(source.code.end(), numbers.begin(), numbers.end());
    for (const auto& [buffer, offset] : operands) source.code.insert(source.code.end(), {buffer, offset});
    source.entries.back().end = static_cast<Index>(source.code.size());
  }

  ProgramSource source;
};

struct Example {
  static constexpr Index total = 37, batch = 8, inputs = 21, units = 19;

  Index status, flag, rate, loss_sum, x, t, y, dy, loss, sum, w, dw, v, steps;
  ProgramSource source;
  std::vector<float> x_data, t_data;
  std::vector<unsigned> order;

  Example() {
    Assembler a;
    a.source.rows = batch;
    a.source.status = status = a.place(1, 4);
    flag = a.place(1, 4), steps = a.place(1, 4), rate = a.place(1, 8), loss_sum = a.place(1, 8);
    x = a.place(batch * inputs, 4), t = a.place(batch * units, 4), y = a.place(batch * units, 4);
    dy = a.place(batch * units, 4), loss = a.place(batch, 4), sum = a.place(1, 4);
    w = a.place(inputs * units, 4), dw = a.place(inputs * units, 4), v = a.place(inputs * units, 4);
    const auto at = [](Index offset) { return std::pair<double, double>{0, double(offset)}; };
    a.entry("step");
    a.add("gather_rows", {batch, inputs, total, total}, {{1, 0}, {3, 0}, at(x)});
    a.add("gather_rows", {batch, units, total, total}, {{2, 0}, {3, 0}, at(t)});
    a.add("matmul_nn", {batch, units, inputs}, {at(x), at(w), at(y)});
    a.add("tanh", {batch, units}, {at(y), at(y)});
    a.add("squared_error", {batch, units, 0.5}, {at(y), at(t), at(loss)});
    a.add("squared_error_backward", {batch, units, 0.5, 1}, {at(y), at(t), at(dy)});
    a.add("tanh_backward", {batch, units}, {at(dy), at(y), at(dy)});
    a.add("barrier");
    a.add("sum", {batch}, {at(loss), at(sum)});
    a.add("accumulate", {}, {at(sum), at(loss_sum)});
    a.add("advance", {}, {at(steps)});
    a.add("matmul_tn", {inputs, units, batch}, {at(x), at(dy), at(dw)});
    a.add("barrier");
    a.add("momentum", {inputs * units, 0.9}, {at(rate), at(dw), at(v), at(w)});
    a.add("find_nonfinite", {inputs * units}, {at(w), at(flag)});
    a.add("barrier");
    a.add("halt_if", {1}, {at(flag), at(status)});
    a.add("barrier");
    a.entry("epoch");
    a.add("clear", {1}, {at(loss_sum)});
    a.add("barrier");
    a.add("repeat", {0, total, batch});
    source = std::move(a.source);

    for (Index i = 0; i < total * inputs; ++i) x_data.push_back(float(std::sin(double(i) * 12.9898)));
    for (Index i = 0; i < total * units; ++i) t_data.push_back(float(std::cos(double(i) * 78.233) * 0.5));
    for (Index i = 0; i < total; ++i) order.push_back(unsigned(i * 5 % total));
  }

  // Buffer 0 is the caller's arena.
  std::vector<Buffer> buffers(void* arena) {
    return {{arena, source.arena_bytes},
            {x_data.data(), Index(x_data.size()) * 4},
            {t_data.data(), Index(t_data.size()) * 4},
            {order.data(), Index(order.size()) * 4}};
  }
};

// Zeroed, 64-byte aligned; exactly as large as asked, so that a sanitizer sees the first byte beyond.
class Memory {
 public:
  explicit Memory(Index bytes) : data_(::operator new(std::size_t(bytes), std::align_val_t{64})) {
    std::memset(data_, 0, std::size_t(bytes));
  }
  ~Memory() { ::operator delete(data_, std::align_val_t{64}); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  template <class T>
  T* at(Index offset = 0) const {
    return reinterpret_cast<T*>(static_cast<char*>(data_) + offset);
  }

 private:
  void* data_;
};

}  // namespace hadamard::test
