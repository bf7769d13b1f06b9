// Memory of the exact size around each program, a bounded run, and the comparison afterwards.
#include "program_property.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "executor.h"

namespace hadamard::fuzz {
namespace {

constexpr Index max_arena = 1 << 16, max_buffer = 1 << 16;
constexpr Index max_steps = 24, times = 2;
constexpr double max_cost = 1e6;  // multiply-adds and loop turns of one run: some milliseconds under sanitizers

std::uint32_t hash(std::uint64_t value) {
  value = (value ^ (value >> 31)) * 0x9e3779b97f4a7c15ull;
  value = (value ^ (value >> 29)) * 0xbf58476d1ce4e5b9ull;
  return static_cast<std::uint32_t>(value >> 32);
}

template <class T>
void put(char* data, Index bytes, Index at, T value) {
  std::memcpy(data + at, &value, static_cast<std::size_t>(std::min<Index>(sizeof value, bytes - at)));
}

// Two bits of `fill` say what each buffer holds: indices that mostly lie in range, numbers of ordinary size, any bits
// at all, or a mixture by cache lines.
void fill_memory(char* data, Index bytes, Index fill, std::size_t buffer) {
  const auto seed = static_cast<std::uint64_t>(fill) >> (2 * (buffer % 16));
  for (Index at = 0; at < bytes; at += 8) {
    const std::uint32_t draw = hash(seed * 0x10001 + static_cast<std::uint64_t>(at));
    const std::uint32_t kind = (seed & 3) == 3 ? hash(seed + static_cast<std::uint64_t>(at / 64)) % 3 : seed & 3;
    if (kind == 0) {
      put(data, bytes, at, std::uint64_t{draw % 37} << 32 | (draw >> 8) % 37);
    } else if (kind == 1 && draw % 8 == 0) {
      put(data, bytes, at, double(draw) / 4294967296.0);
    } else if (kind == 1) {
      const float pair[] = {float(draw >> 16) / 32768.0f - 1.0f, float(draw & 0xffff) / 16384.0f - 2.0f};
      put(data, bytes, at, pair);
    } else {
      put(data, bytes, at, std::uint64_t{draw} << 32 | hash(draw));
    }
  }
}

// Exactly as large as asked. Data buffers with odd numbers start 4 bytes off, as views of typed arrays may; one without
// bytes has no address, as an empty SharedArrayBuffer.
class Block {
 public:
  Block(Index bytes, Index fill, std::size_t buffer) : bytes_(bytes) {
    const std::size_t shift = buffer % 2 == 1 ? 4 : 0;
    if (buffer > 0 && bytes == 0) return;
    memory_ = ::operator new(static_cast<std::size_t>(bytes) + shift, std::align_val_t{64});
    data_ = static_cast<char*>(memory_) + shift;
    fill_memory(data_, bytes, fill, buffer);
    before_.assign(data_, data_ + bytes);
  }
  ~Block() { ::operator delete(memory_, std::align_val_t{64}); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  Buffer buffer() const { return {data_, bytes_}; }
  char* data() const { return data_; }

  // Offset of the first byte that differs from the beginning and is not `allowed`, or -1.
  Index first_change(const std::vector<char>& allowed) const {
    for (std::size_t i = 0; i < before_.size(); ++i) {
      if (before_[i] != data_[i] && (allowed.empty() || allowed[i] == 0)) return static_cast<Index>(i);
    }
    return -1;
  }

 private:
  Index bytes_;
  void* memory_ = nullptr;
  char* data_ = nullptr;
  std::vector<char> before_;
};

bool is_repeat(const Instruction& instruction) { return instruction.kind == Instruction::Kind::repeat; }

// A loop over rows of no columns costs its turns too.
double own_cost(const Entry& entry) {
  double cost = 1;
  for (const Instruction& i : entry.instructions) cost += i.work + static_cast<double>(i.extent) + 1;
  return cost;
}

// A step with all parts of the batch that it divides; of `batch` rows.
double step_cost(const Program& program, const Entry& entry, Index batch) {
  double cost = own_cost(entry);
  for (const Instruction& part : entry.instructions) {
    if (!is_repeat(part)) continue;
    const double turns = std::ceil(static_cast<double>(std::min(part.total, batch)) / static_cast<double>(part.batch));
    cost += turns * own_cost(program.entries[part.entry]);
  }
  return cost;
}

double run_cost(const Program& program, const Entry& entry) {
  double step = 0;
  for (const Instruction& instruction : entry.instructions) {
    if (!is_repeat(instruction)) continue;
    step = std::max(step, step_cost(program, program.entries[instruction.entry], instruction.batch));
  }
  return own_cost(entry) * times + step * max_steps;
}

// Which op an instruction is, by its kernel.
std::size_t op_of(const Instruction& instruction, const KernelTable& kernels) {
  const Kernel* const end = kernels.ops + ops().size();
  return static_cast<std::size_t>(std::find(kernels.ops, end, instruction.kernel) - kernels.ops);
}

// One linking and the memory around it.
class Trial {
 public:
  Trial(const ProgramCase& program, const Isa& isa)
      : program_(program), kernels_(kernels_of(isa, program.source.dtype)) {
    blocks_.push_back(std::make_unique<Block>(std::clamp<Index>(program.source.arena_bytes, 0, max_arena),
                                              program.fill, 0));
    for (const Index bytes : program.buffers) {
      blocks_.push_back(std::make_unique<Block>(std::clamp<Index>(bytes, 0, max_buffer), program.fill, blocks_.size()));
    }
    for (const auto& block : blocks_) buffers_.push_back(block->buffer());
  }

  void run(int threads, Verdict& verdict) {
    LinkResult linked = link(program_.source, buffers_, kernels_);
    verdict.refusal = linked.error;
    if (!linked.error.empty()) return;
    may_change_.assign(static_cast<std::size_t>(buffers_[0].bytes), 0);
    std::fill_n(may_change_.begin() + program_.source.status, sizeof(unsigned), 1);
    const Executor executor(std::move(linked.program), threads, 0);
    const std::vector<Entry>& entries = executor.program().entries;
    for (std::size_t entry = 0; entry < entries.size() && verdict.violation.empty(); ++entry) {
      if (run_cost(executor.program(), entries[entry]) > max_cost) continue;
      note(executor.program(), entries[entry], verdict.ran);
      verdict.violation = run_entry(executor, entry, threads);
    }
    for (std::size_t i = 0; i < blocks_.size() && verdict.violation.empty(); ++i) {
      const Index changed = blocks_[i]->first_change(i == 0 ? may_change_ : std::vector<char>{});
      if (changed < 0) continue;
      verdict.violation = "byte " + std::to_string(changed) + " of buffer " + std::to_string(i) +
                          " has changed, which is no output of an op";
    }
  }

 private:
  // Names the ops of an entry that will run, and allows them their outputs.
  void note(const Program& program, const Entry& entry, std::set<std::string>& ran) {
    for (const Instruction& instruction : entry.instructions) {
      if (is_repeat(instruction)) note(program, program.entries[instruction.entry], ran);
      if (instruction.kind != Instruction::Kind::op) continue;
      const Signature& op = ops()[op_of(instruction, kernels_)];
      ran.insert(op.name);
      for (std::size_t i = 0; i < op.operands.size(); ++i) {
        const Operand& operand = op.operands[i];
        if (!operand.is_output) continue;
        const Index bytes = element_count(operand, {instruction.dims, op.dims.size()}) *
                            bytes_of(operand.element, program_.source.dtype);
        const Index offset = static_cast<char*>(instruction.operands[i]) - blocks_[0]->data();
        std::fill_n(may_change_.begin() + offset, bytes, 1);
      }
    }
  }

  std::string run_entry(const Executor& executor, std::size_t entry, int threads) const {
    std::memset(blocks_[0]->data() + program_.source.status, 0, sizeof(unsigned));
    std::atomic<bool> cancel{false};
    History history;
    RunOptions options{.entry = entry, .times = times};
    options.rows = std::clamp<Index>(program_.rows, -1, program_.source.rows);
    options.cursor = std::clamp<Index>(program_.cursor, 0, Index{1} << 53);
    options.report = {0, buffers_[0].bytes / 8};
    options.history = &history;
    options.cancel = &cancel;
    options.on_step = [&cancel](Index steps, Index) { cancel = steps >= max_steps - 1; };
    history.start(options.report.count);
    const RunResult result = executor.run(options);
    const auto reported = static_cast<Index>(history.from(0).size());
    if (result.threads < 1 || result.threads > threads) return std::to_string(result.threads) + " threads";
    if (result.runs < 0 || result.runs > times) return std::to_string(result.runs) + " runs";
    if (result.steps < 0 || result.steps > max_steps) return std::to_string(result.steps) + " steps";
    if (reported != result.runs * options.report.count) return "a history of " + std::to_string(reported) + " numbers";
    const bool is_whole = result.runs == times;
    if (!is_whole && !result.is_cancelled && result.status == 0) return "a run that ended early without a reason";
    return "";
  }

  const ProgramCase& program_;
  const KernelTable& kernels_;
  std::vector<std::unique_ptr<Block>> blocks_;
  std::vector<Buffer> buffers_;
  std::vector<char> may_change_;  // per byte of the arena
};

}  // namespace

const KernelTable& kernels_of(const Isa& isa, Dtype dtype) { return isa.kernels(dtype); }

Verdict judge(const ProgramCase& program) {
  const Isa* const isa = find_isa(program.isa);
  Verdict verdict;
  for (const int threads : {1, 2}) {
    const std::string before = verdict.refusal;
    Trial(program, isa != nullptr ? *isa : *find_isa("scalar")).run(threads, verdict);
    if (threads > 1 && verdict.refusal != before) verdict.violation = "another answer when linked again";
    if (!verdict.refusal.empty() && verdict.refusal.rfind("program", 0) != 0) verdict.violation = "a strange message";
    if (!verdict.violation.empty()) break;
  }
  return verdict;
}

}  // namespace hadamard::fuzz
