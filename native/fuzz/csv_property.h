// What must hold of the readers of CSV on any bytes: the two agree, the pieces of a file give what the whole gives, and
// nothing outside the bytes is read (which a sanitizer sees).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace hadamard::fuzz {

// Judges a case: three bytes of settings, then the body of a file. Empty where all holds, else what does not.
std::string judge_csv(std::span<const std::uint8_t> input);

}  // namespace hadamard::fuzz
