// The verifier and linker: one pass over the code, which resolves what it has checked.
#include "program.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <unordered_set>

#include "dispatch.h"
#include "early_checks.h"
#include "range.h"

namespace hadamard {
namespace {

constexpr Index max_bytes = Index{1} << 52;
constexpr Index max_numbers = Index{1} << 24;  // of all entries together: the pools are reserved before linking
constexpr Index arena_alignment = 64;
constexpr int barrier_op = -1, repeat_op = -2;
constexpr double call_work = 200;  // of an instruction's call, in multiply-adds
// Strips of rows: what the widest op of a group reads and writes of one stays in a second-level cache with the weights, as
// calls cost more than a smaller one saves, and their height suits the tiles of products.
constexpr Index strip_bytes = 96 * 1024, strip_grain = 12, max_strip_shared_bytes = 64 * 1024;

std::string show(double value) {
  if (value == std::floor(value) && std::fabs(value) < 1e15) return std::to_string(static_cast<Index>(value));
  return std::to_string(value);
}

bool is_integer_in(double value, Index least, Index most) {
  return value >= static_cast<double>(least) && value <= static_cast<double>(most) && value == std::floor(value);
}

// Multiply-adds, about: elements written, times the dims that two inputs share and the output lacks.
double work_of(const Signature& op, std::span<const Index> dims) {
  double most = 0;
  for (const Operand& output : op.operands) {
    if (!output.is_output) continue;
    double work = static_cast<double>(output.factor);
    for (std::size_t dim = 0; dim < dims.size(); ++dim) {
      const auto names_dim = [&](const Operand& o) {
        return std::find(o.dims.begin(), o.dims.end(), dim) != o.dims.end();
      };
      const auto readers = std::count_if(op.operands.begin(), op.operands.end(),
                                         [&](const Operand& o) { return o.is_input && names_dim(o); });
      if (names_dim(output) || readers > 1) work *= static_cast<double>(dims[dim]);
    }
    most = std::max(most, work);
  }
  return most;
}

class Linker {
 public:
  Linker(const ProgramSource& source, std::span<const Buffer> buffers, const KernelTable& kernels)
      : source_(source), buffers_(buffers), kernels_(kernels) {}

  LinkResult link() {
    if (check_source() && resolve_ops()) {
      Program& program = result_.program;
      program.rows = source_.rows;
      program.arena = buffers_[0];
      program.status = reinterpret_cast<const unsigned*>(static_cast<const char*>(buffers_[0].data) + source_.status);
      program.entries.resize(source_.entries.size());
      reserve_pools();
      for (std::size_t i = 0; i < source_.entries.size() && ok(); ++i) link_entry(i);
      if (ok()) check_repeats();
      if (ok()) estimate_steps();
    }
    return std::move(result_);
  }

 private:
  bool ok() const { return result_.error.empty(); }

  bool fail(const std::string& where, const std::string& expected, const std::string& received) {
    if (ok()) result_.error = "program" + where + ": expected " + expected + "; received " + received;
    return false;
  }

  bool fail_here(const std::string& expected, const std::string& received) { return fail(here_, expected, received); }

  bool check_source() {
    if (buffers_.empty() || buffers_[0].bytes != source_.arena_bytes) {
      return fail(", arenaBytes", "the size of buffer 0", std::to_string(source_.arena_bytes));
    }
    const auto address = reinterpret_cast<std::uintptr_t>(buffers_[0].data);
    if (address % arena_alignment != 0) return fail(", arena", "an address that is a multiple of 64", "another");
    if (source_.rows < 0 || source_.rows > max_dim) {
      return fail(", rows", "an integer in [0, 2^31]", std::to_string(source_.rows));
    }
    if (source_.status < 0 || source_.status % 4 != 0 || source_.status > source_.arena_bytes - 4) {
      return fail(", status", "a multiple of 4 inside the arena of " + std::to_string(source_.arena_bytes) + " bytes",
                  std::to_string(source_.status));
    }
    std::unordered_set<std::string_view> names;
    Index numbers = 0;
    for (const EntrySource& entry : source_.entries) {
      const auto length = static_cast<Index>(source_.code.size());
      if (!names.insert(entry.name).second) return fail(", entries", "different names", "\"" + entry.name + "\" twice");
      if (entry.start < 0 || entry.start > entry.end || entry.end > length) {
        return fail(", entry " + entry.name, "0 <= start <= end <= " + std::to_string(length) + ", the length of code",
                    "start " + std::to_string(entry.start) + ", end " + std::to_string(entry.end));
      }
      // Entries may share code, so a short code can be linked any number of times.
      numbers += entry.end - entry.start;
      if (numbers > max_numbers) return fail(", entries", "at most 2^24 numbers in all", "more");
    }
    return true;
  }

  bool resolve_ops() {
    for (const std::string& name : source_.ops) {
      const int op = name == "barrier" ? barrier_op : name == "repeat" ? repeat_op : find_op(name);
      const bool is_known = op >= 0 || name == "barrier" || name == "repeat";
      if (!is_known) return fail(", ops", "names of ops.def, barrier or repeat", "\"" + name + "\"");
      op_of_.push_back(op);
    }
    return true;
  }

  // Instructions point into the pools, which therefore may not grow. Entries may share code.
  void reserve_pools() {
    std::size_t numbers = 0;
    for (const EntrySource& entry : source_.entries) numbers += static_cast<std::size_t>(entry.end - entry.start);
    result_.program.dims.reserve(numbers);
    result_.program.scalars.reserve(numbers);
    result_.program.operands.reserve(numbers);
  }

  void link_entry(std::size_t index) {
    const EntrySource& entry = source_.entries[index];
    at_ = static_cast<std::size_t>(entry.start);
    end_ = static_cast<std::size_t>(entry.end);
    Entry& linked = result_.program.entries[index];
    linked.name = entry.name;
    linked_ops_.clear();
    for (std::size_t number = 0; at_ < end_ && ok(); ++number) {
      here_ = ", entry " + entry.name + ", instruction " + std::to_string(number);
      const double op_index = source_.code[at_];
      const auto known = static_cast<Index>(op_of_.size());
      if (!is_integer_in(op_index, 0, known - 1)) {
        fail_here("the index of an op in [0, " + std::to_string(known - 1) + "]", show(op_index));
        return;
      }
      ++at_;
      here_ += ", " + source_.ops[static_cast<std::size_t>(op_index)];
      const int op = op_of_[static_cast<std::size_t>(op_index)];
      ranges_.clear();
      linked.instructions.push_back(instruction(op));
      linked_ops_.push_back({op < 0 ? nullptr : &ops()[static_cast<std::size_t>(op)], std::move(ranges_), op == repeat_op});
    }
    if (!ok()) return;
    auto& all = linked.instructions;
    while (!all.empty() && all.back().kind == Instruction::Kind::barrier) all.pop_back();
    plan_early_checks(all);
    plan_strips(all);
  }

  // Products look at their own results where they can, and find_nonfinite at what is left.
  void plan_early_checks(std::vector<Instruction>& instructions) {
    const std::vector<EarlyCheck> plans = early_checks(instructions, linked_ops_);
    for (auto plan = plans.rbegin(); plan != plans.rend(); ++plan) {
      const auto check = instructions.begin() + static_cast<std::ptrdiff_t>(plan->check);
      for (const std::size_t product : plan->products) {
        instructions[product].nonfinite = static_cast<unsigned*>(check->operands[1]);
      }
      std::vector<Instruction> parts;
      for (const Range& part : plan->rest) parts.push_back(check_of(*check, part));
      instructions.insert(instructions.erase(check), parts.begin(), parts.end());
    }
  }

  // The same check of a part of its vector. Its product has more numbers in the code than it needs of the pools.
  Instruction check_of(Instruction check, const Range& part) {
    Program& program = result_.program;
    auto* const base = static_cast<char*>(buffers_[static_cast<std::size_t>(part.buffer)].data);
    const Index count = part.bytes / bytes_of(Element::own, source_.dtype);
    void* const flag = check.operands[1];
    check.dims = program.dims.data() + program.dims.size();
    check.operands = program.operands.data() + program.operands.size();
    check.work = check.work * static_cast<double>(count) / static_cast<double>(check.extent);
    check.extent = count;
    program.dims.push_back(count);
    program.operands.insert(program.operands.end(), {base + part.offset, flag});
    return check;
  }

  // The next numbers of the instruction, or none where the entry ends too early.
  std::span<const double> take(std::size_t count) {
    if (end_ - at_ < count) {
      fail_here(std::to_string(count) + " numbers behind the op",
                std::to_string(end_ - at_) + " before the entry's end");
      return {};
    }
    const std::span<const double> numbers(source_.code.data() + at_, count);
    at_ += count;
    return numbers;
  }

  Instruction instruction(int op) {
    Instruction result;
    if (op == barrier_op) {
      result.kind = Instruction::Kind::barrier;
      return result;
    }
    if (op == repeat_op) return repeat();
    const Signature& signature = ops()[static_cast<std::size_t>(op)];
    const std::size_t dims = signature.dims.size(), scalars = signature.scalars.size();
    const std::size_t operands = signature.operands.size();
    const std::span<const double> numbers = take(dims + scalars + 2 * operands);
    if (!ok()) return result;
    const Program& program = result_.program;
    result.kernel = kernels_.ops[op];
    result.dims = program.dims.data() + program.dims.size();
    result.scalars = program.scalars.data() + program.scalars.size();
    result.operands = program.operands.data() + program.operands.size();
    if (!link_dims(signature, numbers.first(dims), result)) return result;
    for (std::size_t i = 0; i < scalars; ++i) {
      const double value = numbers[dims + i];
      if (!std::isfinite(value)) fail_here("a finite scalar " + signature.scalars[i], show(value));
      result_.program.scalars.push_back(value);
    }
    if (ok()) link_operands(signature, numbers.subspan(dims + scalars));
    if (ok()) measure(signature, result);
    return result;
  }

  bool link_dims(const Signature& op, std::span<const double> numbers, Instruction& result) {
    dims_.clear();
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const bool is_rows = op.rows_dim == static_cast<int>(i);
      if (!is_integer_in(numbers[i], 0, max_dim)) {
        return fail_here("an integer in [0, 2^31] for dim " + op.dims[i], show(numbers[i]));
      }
      dims_.push_back(static_cast<Index>(numbers[i]));
      if (is_rows && dims_[i] != source_.rows) {
        return fail_here("the program's capacity of " + std::to_string(source_.rows) + " for dim rows",
                         show(numbers[i]));
      }
    }
    result_.program.dims.insert(result_.program.dims.end(), dims_.begin(), dims_.end());
    result.is_serial = op.split_dim < 0;
    result.has_rows = op.rows_dim >= 0;
    result.splits_rows = !result.is_serial && op.split_dim == op.rows_dim;
    result.extent = result.is_serial ? 1 : dims_[static_cast<std::size_t>(op.split_dim)];
    result.work = work_of(op, dims_);
    return true;
  }

  void link_operands(const Signature& op, std::span<const double> numbers) {
    ranges_.clear();
    const std::string instruction = here_;
    for (std::size_t i = 0; i < op.operands.size(); ++i) {
      here_ = instruction + ", operand " + op.operands[i].name;
      if (!check_operand(op.operands[i], numbers[2 * i], numbers[2 * i + 1])) return;
    }
    here_ = instruction;
    for (std::size_t i = 0; i < op.operands.size(); ++i) {
      if (op.operands[i].is_output && !check_overlap(op, i)) return;
    }
    // A buffer without bytes may lack an address, to which a kernel could not even add where its part begins.
    static char no_bytes[1];
    for (const Range& range : ranges_) {
      auto* const base = static_cast<char*>(buffers_[static_cast<std::size_t>(range.buffer)].data);
      result_.program.operands.push_back(base == nullptr ? no_bytes : base + range.offset);
    }
  }

  void measure(const Signature& op, Instruction& result) const {
    for (std::size_t i = 0; i < op.operands.size(); ++i) {
      const Operand& operand = op.operands[i];
      if (operand.is_output && overlap(ranges_[i], {0, source_.status, 4})) result.may_halt = true;
      const auto names_rows = [&](std::size_t dim) { return static_cast<int>(dim) == op.rows_dim; };
      if (std::any_of(operand.dims.begin(), operand.dims.end(), names_rows)) {
        result.row_bytes += ranges_[i].bytes / std::max(source_.rows, Index{1});
      } else if (ranges_[i].buffer == 0 && operand.element == Element::own) {
        result.shared_bytes += ranges_[i].bytes;
      }
    }
  }

  // Neighbours that split rows do not look at each other's rows before the next barrier, so they may go through the rows
  // in strips, and what one leaves is still in the first-level cache when the next wants it. Where an op shares more
  // than that cache among its rows, it would read it anew for every strip.
  static void plan_strips(std::vector<Instruction>& instructions) {
    const auto can_join = [](const Instruction& i) {
      return i.kind == Instruction::Kind::op && i.splits_rows && i.shared_bytes <= max_strip_shared_bytes;
    };
    for (std::size_t first = 0; first < instructions.size();) {
      std::size_t end = first;
      Index row_bytes = 1;
      while (end < instructions.size() && can_join(instructions[end])) {
        row_bytes = std::max(row_bytes, instructions[end++].row_bytes);
      }
      if (end - first > 1) {
        instructions[first].together = static_cast<Index>(end - first);
        instructions[first].strip = std::max(strip_bytes / row_bytes / strip_grain, Index{2}) * strip_grain;
      }
      first = std::max(end, first + 1);
    }
  }

  bool check_operand(const Operand& operand, double buffer, double offset) {
    const auto buffer_count = static_cast<Index>(buffers_.size());
    if (!is_integer_in(buffer, 0, buffer_count - 1)) {
      return fail_here("a buffer in [0, " + std::to_string(buffer_count - 1) + "]", show(buffer));
    }
    if (!is_integer_in(offset, 0, max_bytes)) return fail_here("a byte offset, an integer >= 0", show(offset));
    Range range{static_cast<Index>(buffer), static_cast<Index>(offset), 0};
    if (operand.is_output && range.buffer != 0) {
      return fail_here("an output in the arena, buffer 0", "buffer " + show(buffer));
    }

    const Index element = bytes_of(operand.element, source_.dtype);
    // Vectors of the arena start at a cache line. Flags, counters and single numbers may lie side by side.
    const bool is_vector = operand.element == Element::own && !operand.dims.empty();
    const Index alignment = range.buffer == 0 && is_vector ? arena_alignment : element;
    const Buffer& memory = buffers_[static_cast<std::size_t>(range.buffer)];
    const auto address = reinterpret_cast<std::uintptr_t>(memory.data) + static_cast<std::uintptr_t>(range.offset);
    if (address % static_cast<std::uintptr_t>(alignment) != 0) {
      return fail_here("a byte offset aligned to " + std::to_string(alignment), show(offset));
    }
    const Index count = element_count(operand, dims_);
    if (count < 0 || count > (max_bytes / element)) return fail_here("fewer than 2^52 bytes", "a larger shape");
    range.bytes = count * element;
    if (range.bytes > memory.bytes - range.offset) {
      return fail_here(std::to_string(range.bytes) + " bytes inside buffer " + show(buffer) + " of " +
                           std::to_string(memory.bytes) + " bytes",
                       "byte offset " + show(offset));
    }
    ranges_.push_back(range);
    return true;
  }

  // Buffers other than the arena are never written, so two of them may be the same memory.
  bool check_overlap(const Signature& op, std::size_t output) {
    const Operand& written = op.operands[output];
    for (std::size_t other = 0; other < op.operands.size(); ++other) {
      const Range &a = ranges_[output], &b = ranges_[other];
      if (other == output || !overlap(a, b)) continue;
      const bool is_allowed = std::find(written.alias.begin(), written.alias.end(), other) != written.alias.end();
      if (is_allowed && a.offset == b.offset && a.bytes == b.bytes) continue;
      const std::string relation = is_allowed ? " exactly at " : " apart from ";
      return fail_here("output " + written.name + relation + op.operands[other].name,
                       std::to_string(a.bytes) + " bytes at " + std::to_string(a.offset) + " and " +
                           std::to_string(b.bytes) + " bytes at " + std::to_string(b.offset));
    }
    return true;
  }

  Instruction repeat() {
    Instruction result;
    result.kind = Instruction::Kind::repeat;
    const std::span<const double> numbers = take(3);
    const auto entries = static_cast<Index>(source_.entries.size());
    if (!ok()) return result;
    if (!is_integer_in(numbers[0], 0, entries - 1)) {
      fail_here("the index of an entry in [0, " + std::to_string(entries - 1) + "]", show(numbers[0]));
    } else if (!is_integer_in(numbers[1], 0, max_dim)) {
      fail_here("an integer in [0, 2^31] for total", show(numbers[1]));
    } else if (!is_integer_in(numbers[2], 1, max_dim)) {
      fail_here("a batch in [1, 2^31]", show(numbers[2]));
    } else {
      result.entry = static_cast<std::size_t>(numbers[0]);
      result.total = static_cast<Index>(numbers[1]);
      result.batch = static_cast<Index>(numbers[2]);
    }
    return result;
  }

  // Repeats nest once: a step may divide its batch. Only there, where no op has rows, may the batch exceed the capacity.
  void check_repeats() {
    const std::vector<Entry>& entries = result_.program.entries;
    for (const Entry& entry : entries) {
      for (const Instruction& instruction : entry.instructions) {
        if (!is_repeat(instruction)) continue;
        const Entry& body = entries[instruction.entry];
        const std::string where = ", entry " + entry.name + ", repeat";
        if (std::any_of(body.instructions.begin(), body.instructions.end(),
                        [&](const Instruction& i) { return is_repeat(i) && has_repeats(entries[i.entry]); })) {
          fail(where, "at most one repeat inside another", "entry " + body.name);
        }
        const auto has_rows = [](const Instruction& i) { return i.has_rows; };
        const bool is_bounded = !has_repeats(body) || std::any_of(body.instructions.begin(), body.instructions.end(), has_rows);
        if (is_bounded && instruction.batch > source_.rows) {
          fail(where, "a batch in [1, " + std::to_string(source_.rows) + "], the program's rows",
               std::to_string(instruction.batch));
        }
      }
    }
  }

  // The work of a step decides whether threads are worth their barriers; of one that divides its batch, that of a part.
  void estimate_steps() {
    for (Entry& entry : result_.program.entries) {
      entry.step_work = step_work(entry);
      entry.run_work = run_work(entry);
    }
  }

  double step_work(const Entry& entry) const {
    if (!has_repeats(entry)) return own_work(entry);
    double largest_body = 0;
    for (const Instruction& instruction : entry.instructions) {
      if (is_repeat(instruction)) {
        largest_body = std::max(largest_body, step_work(result_.program.entries[instruction.entry]));
      }
    }
    return largest_body;
  }

  double run_work(const Entry& entry) const {
    double work = 0;
    for (const Instruction& instruction : entry.instructions) {
      if (is_repeat(instruction)) {
        const Index turns = (instruction.total + instruction.batch - 1) / instruction.batch;
        work += static_cast<double>(turns) * run_work(result_.program.entries[instruction.entry]);
      } else {
        work += instruction.work + call_work;
      }
    }
    return work;
  }

  static bool is_repeat(const Instruction& instruction) { return instruction.kind == Instruction::Kind::repeat; }

  static bool has_repeats(const Entry& entry) {
    return std::any_of(entry.instructions.begin(), entry.instructions.end(), is_repeat);
  }

  static double own_work(const Entry& entry) {
    double work = 0;
    for (const Instruction& instruction : entry.instructions) work += instruction.work;
    return work;
  }

  const ProgramSource& source_;
  const std::span<const Buffer> buffers_;
  const KernelTable& kernels_;
  LinkResult result_;
  std::vector<int> op_of_;  // from source ops to ops(), or one of the executor's own
  std::size_t at_ = 0, end_ = 0;
  std::string here_;  // where in the program, for messages
  std::vector<Index> dims_;
  std::vector<Range> ranges_;
  std::vector<LinkedOp> linked_ops_;  // of the entry
};

}  // namespace

int Program::find_entry(std::string_view name) const {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

LinkResult link(const ProgramSource& source, std::span<const Buffer> buffers, const KernelTable& kernels) {
  return Linker(source, buffers, kernels).link();
}

}  // namespace hadamard
