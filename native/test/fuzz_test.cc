// What the fuzzer checks, without libFuzzer: its kept inputs, every op at awkward sizes, and some mutations of its own.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "../fuzz/program_mutation.h"
#include "../fuzz/program_property.h"
#include "dispatch.h"

namespace hadamard::fuzz {
namespace {

std::vector<std::filesystem::path> corpus() {
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(HADAMARD_CORPUS)) files.push_back(file.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// Dims by place in the signature. Empty dims, single elements, less and more than any vector, and sizes from which
// products are packed.
constexpr Index shapes[][4] = {{0, 0, 0, 0},  {0, 3, 2, 1},   {1, 0, 5, 5},     {3, 0, 0, 4},      {1, 1, 1, 1},
                               {2, 1, 33, 7}, {5, 17, 3, 20}, {16, 32, 16, 16}, {33, 31, 37, 64}, {57, 259, 3, 60},
                               {5, 3, 259, 6}};

}  // namespace

TEST_CASE("every op keeps to its operands at every shape, with every instruction set") {
  std::set<std::string> ran;
  for (const Isa& isa : isas()) {
    if (!isa.supported()) continue;
    for (std::size_t op = 0; op < ops().size(); ++op) {
      for (const auto& dims : shapes) {
        const auto is_output = [](const Operand& o) { return o.is_output; };
        const auto outputs = std::count_if(ops()[op].operands.begin(), ops()[op].operands.end(), is_output);
        for (std::size_t last = 0; last < std::size_t(outputs); ++last) {
          ProgramCase program = single_op(op, dims, last);
          program.isa = isa.name;
          program.rows = program.source.rows - Index(last);
          const Verdict verdict = judge(program);
          CAPTURE(print_case(program));
          CHECK(verdict.refusal == "");
          CHECK(verdict.violation == "");
          ran.insert(verdict.ran.begin(), verdict.ran.end());
        }
      }
    }
  }
  CHECK(ran.size() == ops().size());
}

TEST_CASE("the fuzzer's kept inputs are refused or keep to their outputs") {
  const std::vector<std::filesystem::path> files = corpus();
  CHECK(files.size() > 0);
  for (const std::filesystem::path& file : files) {
    CAPTURE(file.filename().string());
    CHECK(judge(parse_case(text_of(file))).violation == "");
  }
}

TEST_CASE("a case survives its text") {
  for (unsigned seed = 0; seed < 50; ++seed) {
    ProgramCase program = seed_program(seed);
    CHECK(judge(program).refusal == "");
    mutate(program, seed);
    const std::string text = print_case(program);
    CHECK(print_case(parse_case(text)) == text);
  }
}

TEST_CASE("mutated programs are refused or keep to their outputs") {
  int refused = 0, ran = 0;
  for (unsigned seed = 0; seed < 1500; ++seed) {
    ProgramCase program = seed_program(seed / 8);
    for (unsigned step = 0; step < seed % 8; ++step) mutate(program, seed + step);
    const Verdict verdict = judge(program);
    CAPTURE(print_case(program));
    CHECK(verdict.violation == "");
    ++(verdict.refusal.empty() ? ran : refused);
  }
  CHECK(refused > 100);
  CHECK(ran > 100);
}

}  // namespace hadamard::fuzz
