// The libFuzzer target. An input is the text of a program; the mutator edits the program behind the text.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "program_mutation.h"
#include "program_property.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const hadamard::fuzz::ProgramCase program = hadamard::fuzz::parse_case(text_of(data, size));
  const hadamard::fuzz::Verdict verdict = hadamard::fuzz::judge(program);
  if (!verdict.violation.empty()) {
    std::fprintf(stderr, "%s\n%s", verdict.violation.c_str(), hadamard::fuzz::print_case(program).c_str());
    std::abort();
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  if (seed % 16 == 0) return LLVMFuzzerMutate(data, size, max_size);
  hadamard::fuzz::ProgramCase program = hadamard::fuzz::parse_case(text_of(data, size));
  if (program.source.code.empty() || seed % 256 == 1) {
    program = hadamard::fuzz::seed_program(seed);
  } else {
    hadamard::fuzz::mutate(program, seed);
  }
  const std::string text = hadamard::fuzz::print_case(program);
  if (text.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data, text.data(), text.size());
  return text.size();
}
