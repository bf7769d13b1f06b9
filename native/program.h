// A program and its linking: every number of a program is checked here once, so that the executor checks nothing.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "call.h"
#include "signature.h"

namespace hadamard {

// Buffer 0 is the arena, the only one that may be written.
struct Buffer {
  void* data = nullptr;
  Index bytes = 0;
};

struct EntrySource {
  std::string name;
  Index start = 0, end = 0;  // a range of `code`
};

// A program as it comes from the compiler. An instruction in `code` is the index of its op in `ops`, then the dims, the
// scalars, and a pair (buffer, byte offset) per operand: inputs in order, then the outputs that are not inputs. Two ops
// are the executor's own: `barrier` without arguments and `repeat` with (entry, total, batch).
struct ProgramSource {
  std::vector<std::string> ops;
  std::vector<double> code;
  std::vector<EntrySource> entries;
  Index arena_bytes = 0;
  Index rows = 0;    // the value of every dim `rows`
  Index status = 0;  // byte offset of the status word, a u32 in the arena
  Dtype dtype = Dtype::float32;
};

struct Instruction {
  enum class Kind { op, barrier, repeat };
  Kind kind = Kind::op;

  // op
  Kernel kernel = nullptr;
  const Index* dims = nullptr;
  const double* scalars = nullptr;
  void* const* operands = nullptr;
  Index extent = 0;  // of the split dim, or what a serial op takes as its whole
  bool is_serial = false;
  bool splits_rows = false;  // the extent is the number of rows in the batch
  bool has_rows = false;
  bool may_halt = false;  // writes the status word
  unsigned* nonfinite = nullptr;  // a flag to raise where a product is infinite or NaN
  double work = 0;  // multiply-adds, about
  Index row_bytes = 0;     // of the operands that have rows, per row
  Index shared_bytes = 0;  // of the arena's numbers that every row needs
  Index together = 1;      // instructions from here on that are run `strip` rows at a time
  Index strip = 0;         // 0: all rows at once

  // repeat
  std::size_t entry = 0;
  Index total = 0, batch = 1;
};

struct Entry {
  std::string name;
  std::vector<Instruction> instructions;  // without a barrier at the end: the executor has one there anyway
  double step_work = 0;                   // multiply-adds of the largest step inside, or of an entry without repeats
  double run_work = 0;                    // of all steps, with what calling the instructions takes in their terms
};

// Ready to run: kernels and addresses in place. Holds pointers into itself, so it moves but is not copied.
struct Program {
  Program() = default;
  Program(Program&&) = default;
  Program& operator=(Program&&) = default;

  std::vector<Entry> entries;
  Index rows = 0;

  Buffer arena;
  const unsigned* status = nullptr;
  std::vector<Index> dims;
  std::vector<double> scalars;
  std::vector<void*> operands;

  // Index into entries, -1 for an unknown name.
  int find_entry(std::string_view name) const;
};

// `error` is empty on success, else says what was expected, what came and where.
struct LinkResult {
  Program program;
  std::string error;
};

LinkResult link(const ProgramSource& source, std::span<const Buffer> buffers, const KernelTable& kernels);

}  // namespace hadamard
