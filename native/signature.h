// The signature of an op, parsed from its line in ops.def: what the program verifier and eager calls check against.
// Knows nothing of kernels.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "call.h"

namespace hadamard {

enum class Element { own, u32, f64 };  // `own` is the program's element type

enum class Dtype { float32, float64 };

constexpr Index bytes_of(Element element, Dtype dtype) {
  if (element == Element::u32) return 4;
  if (element == Element::f64) return 8;
  return dtype == Dtype::float32 ? 4 : 8;
}

constexpr Index max_dim = Index{1} << 31;

struct Operand {
  std::string name;
  Element element = Element::own;
  Index factor = 1;                // product of the integers in the shape
  std::vector<std::size_t> dims;   // indices of the dims in the shape
  std::vector<std::size_t> alias;  // operands whose exact memory this output may share
  bool is_input = false;
  bool is_output = false;
};

struct Signature {
  std::string name;
  std::string split;  // a dim, or "serial"
  std::string text;
  std::vector<std::string> dims;
  std::vector<std::string> scalars;
  std::vector<Operand> operands;  // inputs in order, then the outputs that are not inputs
  int rows_dim = -1;              // index of the dim `rows`
  int split_dim = -1;             // -1 for serial
};

// Empty `error` on success.
struct ParsedSignature {
  Signature signature;
  std::string error;
};

ParsedSignature parse_signature(std::string_view name, std::string_view split, std::string_view text);

// Elements of an operand under these dims, or -1 where the number passes 2^52.
Index element_count(const Operand& operand, std::span<const Index> dims);

}  // namespace hadamard
