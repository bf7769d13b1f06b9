// Where the fuzzer starts, and the small steps it takes: most leave a program almost valid.
#pragma once

#include <cstddef>
#include <span>

#include "program_case.h"

namespace hadamard::fuzz {

// A program of one instruction, `op` an index into ops(), its dims in the signature's order. What is only read lies in
// buffers of its own; output number `last` ends where the arena ends, so that a write beyond it is seen.
ProgramCase single_op(std::size_t op, std::span<const Index> dims, std::size_t last);

// Valid programs: the two trainings of the tests and single ops.
ProgramCase seed_program(unsigned seed);

// Changes one to three things. The same seed gives the same program.
void mutate(ProgramCase& program, unsigned seed);

}  // namespace hadamard::fuzz
