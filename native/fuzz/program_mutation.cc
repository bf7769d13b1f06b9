// Generators of valid programs, and a table of edits.
#include "program_mutation.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <random>
#include <utility>

#include "../test/classifier.h"
#include "../test/example.h"
#include "dispatch.h"

namespace hadamard::fuzz {
namespace {

class Dice {
 public:
  explicit Dice(unsigned seed) : engine_(seed) {}

  // In [0, bound), or 0.
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : engine_() % bound; }

  template <class List>
  auto& of(List& list) {
    return list[below(std::size(list))];
  }

 private:
  std::mt19937 engine_;
};

constexpr Index nudges[] = {-128, -64, -16, -8, -4, -1, 1, 4, 8, 16, 64, 128};
constexpr Index sizes[] = {0, 1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 64, 65};
constexpr double huge_value = std::numeric_limits<double>::infinity();
constexpr double specials[] = {
    0,          -0.0,       1,          -1,
    0.5,        2,          3,          4,
    63,         64,         1e-300,     2147483647,
    2147483648, 2147483649, 4294967296, 4503599627370432,
    0x1p52,     0x1p53,     0x1p63,     0x1p64,
    1e300,      -1e300,     huge_value, -huge_value,
    std::numeric_limits<double>::quiet_NaN(),
};

Index element_bytes(const Operand& operand, Dtype dtype) { return bytes_of(operand.element, dtype); }

// Adds `name` to the ops where it is missing.
double index_of(ProgramSource& source, const std::string& name) {
  const auto found = std::find(source.ops.begin(), source.ops.end(), name);
  if (found != source.ops.end()) return double(found - source.ops.begin());
  source.ops.push_back(name);
  return double(source.ops.size() - 1);
}

// A random offset in the arena, a multiple of 64.
Index line_of(const ProgramCase& program, Dice& dice) {
  return Index(dice.below(std::size_t(std::max<Index>(0, program.source.arena_bytes)) / 64 + 1)) * 64;
}

Index whole(double number) { return number == number ? Index(std::clamp(number, -1e18, 1e18)) : 0; }

void nudge(Index& number, Dice& dice) {
  constexpr Index limit = Index{1} << 60;
  number = std::clamp(number, -limit, limit) + dice.of(nudges);
  if (dice.below(8) == 0) number = whole(dice.of(specials));
}

void nudge_number(ProgramCase& program, Dice& dice) {
  if (!program.source.code.empty()) dice.of(program.source.code) += double(dice.of(nudges));
}

void special_number(ProgramCase& program, Dice& dice) {
  if (!program.source.code.empty()) dice.of(program.source.code) = dice.of(specials);
}

void copy_number(ProgramCase& program, Dice& dice) {
  auto& code = program.source.code;
  if (!code.empty()) dice.of(code) = dice.of(code);
}

void swap_numbers(ProgramCase& program, Dice& dice) {
  auto& code = program.source.code;
  if (!code.empty()) std::swap(dice.of(code), dice.of(code));
}

// Everywhere, so that a dim stays the same in all instructions.
void replace_value(ProgramCase& program, Dice& dice) {
  auto& code = program.source.code;
  if (code.empty()) return;
  const double from = dice.of(code);
  const double to = dice.below(2) == 0 ? from + double(dice.of(nudges)) : double(dice.of(sizes));
  std::replace(code.begin(), code.end(), from, to);
  if (double(program.source.rows) == from) program.source.rows = whole(to);
}

void change_rows(ProgramCase& program, Dice& dice) {
  if (dice.below(4) == 0) return nudge(program.source.rows, dice);
  const double from = double(program.source.rows);
  program.source.rows = dice.of(sizes);
  std::replace(program.source.code.begin(), program.source.code.end(), from, double(program.source.rows));
}

void change_arena(ProgramCase& program, Dice& dice) { nudge(program.source.arena_bytes, dice); }
void change_status(ProgramCase& program, Dice& dice) {
  if (dice.below(2) == 0) return nudge(program.source.status, dice);
  program.source.status = line_of(program, dice) + Index(dice.below(16)) * 4;
}
void change_batch(ProgramCase& program, Dice& dice) {
  nudge(dice.below(2) == 0 ? program.rows : program.cursor, dice);
}
void change_fill(ProgramCase& program, Dice& dice) { program.fill = Index(dice.below(1 << 16)); }

void change_isa(ProgramCase& program, Dice& dice) {
  const std::span<const Isa> all = isas();
  program.isa = dice.of(all).name;
}

void change_dtype(ProgramCase& program, Dice& dice) {
  program.source.dtype = dice.below(2) == 0 ? Dtype::float32 : Dtype::float64;
}

void change_buffers(ProgramCase& program, Dice& dice) {
  auto& buffers = program.buffers;
  const std::size_t choice = dice.below(8);
  if (choice == 0 || buffers.empty()) {
    buffers.push_back(Index(dice.below(4096)));
  } else if (choice == 1) {
    buffers.erase(buffers.begin() + std::ptrdiff_t(dice.below(buffers.size())));
  } else if (choice == 2) {
    std::swap(dice.of(buffers), dice.of(buffers));
  } else {
    nudge(dice.of(buffers), dice);
  }
}

void change_op(ProgramCase& program, Dice& dice) {
  static constexpr const char* unknown[] = {"repeat", "barrier", "Barrier", "matmul_xy", "add2"};
  auto& names = program.source.ops;
  const std::string name = dice.below(4) == 0 ? dice.of(unknown) : ops()[dice.below(ops().size())].name;
  if (names.empty() || dice.below(4) == 0) names.push_back(name);
  else dice.of(names) = name;
}

void change_entry(ProgramCase& program, Dice& dice) {
  auto& entries = program.source.entries;
  if (entries.empty()) return;
  EntrySource& entry = dice.of(entries);
  switch (dice.below(5)) {
    case 0: nudge(entry.start, dice); break;
    case 1: nudge(entry.end, dice); break;
    case 2: entry = {entry.name, dice.of(entries).start, entry.end}; break;
    case 3: entries.push_back({entry.name + (dice.below(4) == 0 ? "" : "'"), entry.start, entry.end}); break;
    default: std::swap(entry, dice.of(entries)); break;
  }
}

void insert(ProgramSource& source, EntrySource& entry, const std::vector<double>& numbers) {
  const Index at = std::clamp<Index>(entry.end, 0, Index(source.code.size()));
  source.code.insert(source.code.begin() + at, numbers.begin(), numbers.end());
  for (EntrySource& other : source.entries) {
    if (other.start >= at && &other != &entry) other.start += Index(numbers.size());
    if (other.end > at || &other == &entry) other.end += Index(numbers.size());
  }
}

// Of a random op, with dims that fit each other, on memory that is there already or, half the time, new.
void add_instruction(ProgramCase& program, Dice& dice) {
  ProgramSource& source = program.source;
  if (source.entries.empty()) return;
  const Signature& op = ops()[dice.below(ops().size())];
  std::vector<Index> dims;
  for (std::size_t i = 0; i < op.dims.size(); ++i) {
    dims.push_back(op.rows_dim == int(i) ? source.rows : dice.of(sizes));
  }
  std::vector<double> numbers{index_of(source, op.name)};
  numbers.insert(numbers.end(), dims.begin(), dims.end());
  for (std::size_t i = 0; i < op.scalars.size(); ++i) numbers.push_back(double(dice.below(4)) / 4);
  const bool is_new = dice.below(2) == 0;
  for (const Operand& operand : op.operands) {
    const Index bytes = std::clamp<Index>(element_count(operand, dims), 0, 4096) * element_bytes(operand, source.dtype);
    const bool is_data = !operand.is_output && !program.buffers.empty() && dice.below(4) == 0;
    const bool is_shared = !operand.alias.empty() && dice.below(2) == 0;
    double buffer = is_data ? double(1 + dice.below(program.buffers.size())) : 0;
    double offset = is_data ? double(dice.below(16)) * 4 : double(line_of(program, dice));
    if (is_shared) {
      const std::size_t first = numbers.size() - 2 * std::size_t(&operand - op.operands.data());
      buffer = numbers[first + 2 * operand.alias[0]];
      offset = numbers[first + 2 * operand.alias[0] + 1];
    } else if (is_new && !is_data && source.arena_bytes >= 0 && source.arena_bytes < (1 << 15)) {
      const Index start = (source.arena_bytes + 63) / 64 * 64;
      offset = double(start);
      source.arena_bytes = start + bytes;
    }
    numbers.insert(numbers.end(), {buffer, offset});
  }
  insert(source, dice.of(source.entries), numbers);
}

void add_control(ProgramCase& program, Dice& dice) {
  ProgramSource& source = program.source;
  if (source.entries.empty()) return;
  if (dice.below(3) == 0) {
    const double total = dice.below(4) == 0 ? 2147483648.0 : double(dice.of(sizes));
    const double entry = double(dice.below(source.entries.size()));
    const Index rows = std::clamp<Index>(source.rows, 1, 64);
    const std::size_t batch = dice.below(2) == 0 ? std::size_t(rows) - 1 + dice.below(3) : 1 + dice.below(rows);
    insert(source, dice.of(source.entries), {index_of(source, "repeat"), entry, total, double(batch)});
  } else {
    insert(source, dice.of(source.entries), {index_of(source, "barrier")});
  }
}

void remove_numbers(ProgramCase& program, Dice& dice) {
  ProgramSource& source = program.source;
  const auto at = std::ptrdiff_t(dice.below(source.code.size()));
  const auto count = std::min(std::ptrdiff_t(1 + dice.below(12)), std::ptrdiff_t(source.code.size()) - at);
  source.code.erase(source.code.begin() + at, source.code.begin() + at + count);
  for (EntrySource& entry : source.entries) {
    if (entry.start > at) entry.start -= count;
    if (entry.end > at) entry.end -= count;
  }
}

using Edit = void (*)(ProgramCase&, Dice&);

// The likelier an edit, the more often it stands here.
constexpr Edit edits[] = {nudge_number,   nudge_number,   nudge_number, special_number,  special_number,  copy_number,
                          swap_numbers,   replace_value,  replace_value, change_rows,    change_arena,    change_status,
                          change_batch,   change_fill,    change_isa,    change_dtype, change_buffers, change_op,       change_entry,
                          add_instruction, add_instruction, add_control, remove_numbers};

template <class Program>
ProgramCase case_of(Program program, const char* isa) {
  ProgramCase result;
  result.isa = isa;
  result.source = program.source;
  result.fill = 5;
  const std::vector<Buffer> buffers = program.buffers(nullptr);
  for (std::size_t i = 1; i < buffers.size(); ++i) result.buffers.push_back(buffers[i].bytes);
  return result;
}

}  // namespace

ProgramCase single_op(std::size_t op_index, std::span<const Index> dims, std::size_t last) {
  const Signature& op = ops()[op_index];
  test::Assembler a;
  ProgramCase program;
  a.source.rows = op.rows_dim < 0 ? 1 : dims[std::size_t(op.rows_dim)];
  a.source.status = a.place(1, 4);
  std::vector<std::pair<double, double>> places(op.operands.size());
  const auto bytes = [&](std::size_t i) {
    return element_count(op.operands[i], dims.first(op.dims.size())) * element_bytes(op.operands[i], a.source.dtype);
  };
  std::vector<std::size_t> outputs;
  for (std::size_t i = 0; i < op.operands.size(); ++i) {
    if (op.operands[i].is_output) {
      outputs.push_back(i);
      continue;
    }
    program.buffers.push_back(bytes(i));
    if (op.operands[i].element == Element::f64 && program.buffers.size() % 2 == 1) {
      program.buffers.back() += 4;  // an odd buffer starts 4 bytes off
      places[i].second = 4;
    }
    places[i].first = double(program.buffers.size());
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::size_t output = outputs[(last + 1 + i) % outputs.size()];
    places[output] = {0, double(a.place(0, 1))};
    a.source.arena_bytes += i + 1 == outputs.size() ? bytes(output) : (bytes(output) + 63) / 64 * 64;
  }
  a.entry("run");
  std::vector<double> numbers(dims.begin(), dims.begin() + std::ptrdiff_t(op.dims.size()));
  numbers.insert(numbers.end(), op.scalars.size(), 0.5);
  a.add(op.name, numbers, places);
  program.source = std::move(a.source);
  program.fill = 0x4444;  // indices in the odd buffers, or ordinary numbers
  return program;
}

ProgramCase seed_program(unsigned seed) {
  Dice dice(seed);
  const std::span<const Isa> all = isas();
  const char* const isa = dice.of(all).name;
  const std::size_t choice = dice.below(8);
  if (choice == 0) return case_of(test::Example(), isa);
  if (choice == 1) return case_of(test::Classifier(), isa);
  const Index dims[] = {dice.of(sizes), dice.of(sizes), dice.of(sizes), dice.of(sizes)};
  ProgramCase program = single_op(dice.below(ops().size()), dims, dice.below(4));
  program.isa = isa;
  program.fill = Index(dice.below(1 << 16));
  return program;
}

void mutate(ProgramCase& program, unsigned seed) {
  Dice dice(seed);
  for (std::size_t count = 1 + dice.below(3); count > 0; --count) dice.of(edits)(program, dice);
}

}  // namespace hadamard::fuzz
