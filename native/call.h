// One call of a kernel, as every ISA's kernels and the executor see it. Plain data: no inline code that the linker
// could share between instruction sets.
#pragma once

namespace hadamard {

using Index = long long;

// Rows of a data set that a later batch gathers: a product asks for their cache lines one by one while it computes, as only so
// many can be under way at once. Belongs to one thread.
struct RowsAhead {
  const char* source = nullptr;
  const unsigned* order = nullptr;
  Index row_bytes = 0, total = 0;
  Index position = 0, end = 0;                  // in `order`: the row that is being asked for, and where to stop
  const char *line = nullptr, *last = nullptr;  // of that row; none where there is nothing to ask for
};

struct Call {
  const Index* dims;      // in the order of the signature; `rows` stands here as its capacity
  const double* scalars;  // in the order of the signature
  void* const* operands;  // inputs in order, then the outputs that are not inputs
  Index rows;             // rows of this batch, at most the capacity; 0 where the op has no such dim
  Index cursor;           // number of rows of the epoch before this batch
  Index begin, end;       // this thread's part of the split dim; the whole of it for serial ops
  RowsAhead* ahead = nullptr;
  unsigned* nonfinite = nullptr;  // a flag that a product raises where an element of its part is infinite or NaN
};

using Kernel = void (*)(const Call&);

// Products in BLAS form, row-major: c = alpha * op(a) * op(b) + beta * c, rows [begin, end) of c.
struct Gemm {
  bool trans_a, trans_b;
  Index m, n, k;
  double alpha, beta;
  const void* a;
  Index lda;
  const void* b;
  Index ldb;
  void* c;
  Index ldc;
  Index begin, end;
};

// What one ISA offers for one element type: a kernel per line of ops.def, gemm, and a copy of so many numbers, which says
// whether all of them are finite.
struct KernelTable {
  const Kernel* ops;
  void (*gemm)(const Gemm&);
  bool (*copy_finite)(const void* from, Index count, void* to);
};

// What one ISA offers.
struct KernelTables {
  KernelTable f32, f64;
};

enum class Status : unsigned { running = 0, early_stop = 0x80000000u };  // other values: 1 + index of the raised flag

}  // namespace hadamard
