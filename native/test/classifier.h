// A training program with everything that changes from step to step: a shuffled order, dropout, Adam, one entry
// repeated by another, the best weights kept. For tests of the executor's threads, and to start the fuzzer from.
#pragma once

#include "example.h"

namespace hadamard::test {

struct Classifier {
  static constexpr Index total = 61, batch = 16, inputs = 5, units = 16, classes = 3;
  static constexpr Index steps = (total + batch - 1) / batch;  // of an epoch
  static constexpr Index count = inputs * units + units + units * classes;  // of the parameters, one vector

  Index status, rate, powers, total_loss, state, w;
  ProgramSource source;
  std::vector<float> x_data;
  std::vector<unsigned> labels, rows;

  Classifier() {
    Assembler a;
    const auto place = [&a](Index count, Index bytes) { return a.place(count, bytes); };
    a.source.rows = batch;
    a.source.status = status = place(1, 4);
    rate = place(1, 8), powers = place(2, 8), total_loss = place(1, 8), state = place(4, 8), w = place(count, 4);
    const Index flag = place(1, 4), step = place(1, 4), epoch = place(1, 4), key = place(2, 4);
    const Index coefficients = place(2, 8), order = place(total, 4), sum = place(1, 4), loss = place(batch, 4);
    const Index x = place(batch * inputs, 4), t = place(batch * classes, 4), h = place(batch * units, 4);
    const Index mask = place(batch * units, 4), z = place(batch * classes, 4), dh = place(batch * units, 4);
    const Index dw = place(count, 4), m = place(count, 4), v = place(count, 4), best = place(count, 4);
    const Index b1 = inputs * units * 4, w2 = b1 + units * 4;  // bytes behind the first weights
    const auto at = [](Index offset) { return std::pair<double, double>{0, double(offset)}; };

    a.entry("step");
    a.add("gather_rows", {batch, inputs, total, total}, {{1, 0}, at(order), at(x)});
    a.add("gather_one_hot", {batch, classes, total, total}, {{2, 0}, at(order), at(t)});
    a.add("matmul_nn", {batch, units, inputs}, {at(x), at(w), at(h)});
    a.add("add_bias", {batch, units}, {at(h), at(w + b1), at(h)});
    a.add("relu", {batch, units}, {at(h), at(h)});
    a.add("dropout_mask", {batch, units, 0.25}, {at(key), at(step), at(mask)});
    a.add("hadamard", {batch, units}, {at(h), at(mask), at(h)});
    a.add("matmul_nn", {batch, classes, units}, {at(h), at(w + w2), at(z)});
    a.add("categorical_cross_entropy_with_logits", {batch, classes}, {at(z), at(t), at(loss)});
    a.add("categorical_cross_entropy_with_logits_backward", {batch, classes, 1}, {at(z), at(t), at(z)});
    a.add("matmul_nt", {batch, units, classes}, {at(z), at(w + w2), at(dh)});
    a.add("hadamard", {batch, units}, {at(dh), at(mask), at(dh)});
    a.add("relu_backward", {batch, units}, {at(dh), at(h), at(dh)});
    a.add("barrier");
    a.add("matmul_tn", {inputs, units, batch}, {at(x), at(dh), at(dw)});
    a.add("sum_columns", {units, batch}, {at(dh), at(dw + b1)});
    a.add("matmul_tn", {units, classes, batch}, {at(h), at(z), at(dw + w2)});
    a.add("sum", {batch}, {at(loss), at(sum)});
    a.add("accumulate", {}, {at(sum), at(total_loss)});
    a.add("advance", {}, {at(step)});
    a.add("adam_advance", {0.9, 0.999}, {at(rate), at(powers), at(coefficients)});
    a.add("barrier");
    a.add("find_nonfinite", {count}, {at(dw), at(flag)});
    a.add("barrier");
    a.add("halt_if", {1}, {at(flag), at(status)});
    a.add("barrier");
    a.add("adam", {count, 0.9, 0.999, 1e-8}, {at(coefficients), at(dw), at(m), at(v), at(w)});
    a.entry("epoch");
    a.add("permute", {total}, {{3, 0}, at(key), at(epoch), at(order)});
    a.add("clear", {1}, {at(total_loss)});
    a.add("advance", {}, {at(epoch)});
    a.add("barrier");
    a.add("repeat", {0, total, batch});
    a.add("keep_best", {count, 0, 0}, {at(total_loss), at(w), at(best), at(state), at(status)});
    source = std::move(a.source);

    for (Index i = 0; i < total; ++i) {
      labels.push_back(unsigned(i % classes));
      rows.push_back(unsigned(i));
      for (Index j = 0; j < inputs; ++j) x_data.push_back(float(std::sin(double(i % classes * 7 + j)) + 0.1 * (i % 4)));
    }
  }

  // Buffer 0 is the caller's arena.
  std::vector<Buffer> buffers(void* arena) {
    return {{arena, source.arena_bytes},
            {x_data.data(), Index(x_data.size()) * 4},
            {labels.data(), Index(labels.size()) * 4},
            {rows.data(), Index(rows.size()) * 4}};
  }

  // The settings and weights that a training starts from, in an arena of zeros.
  void initialize(const Memory& arena) const {
    *arena.at<double>(rate) = 0.02;
    arena.at<double>(powers)[0] = arena.at<double>(powers)[1] = 1;
    *arena.at<double>(state) = HUGE_VAL;
    for (Index i = 0; i < count; ++i) arena.at<float>(w)[i] = float(std::sin(double(i) * 1.7) * 0.3);
  }
};

}  // namespace hadamard::test
