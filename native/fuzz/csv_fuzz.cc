// The libFuzzer target of the CSV readers.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "csv_property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string violation = hadamard::fuzz::judge_csv({data, size});
  if (!violation.empty()) {
    std::fprintf(stderr, "%s\n", violation.c_str());
    std::abort();
  }
  return 0;
}
