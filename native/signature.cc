// A recursive-descent parser for `(dims | scalars | inputs) -> outputs`, run once per op and process.
#include "signature.h"

#include <algorithm>
#include <cstddef>

namespace hadamard {
namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int index_of(const std::vector<std::string>& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? -1 : static_cast<int>(found - names.begin());
}

class Parser {
 public:
  Parser(std::string_view text, Signature& signature) : text_(text), signature_(signature) {}

  std::string parse() {
    expect("(");
    names_until('|', signature_.dims);
    names_until('|', signature_.scalars);
    while (ok() && !accept(")")) operand(false);
    expect("->");
    while (ok() && at_ < text_.size()) {
      operand(true);
      skip_spaces();
    }
    return error_;
  }

 private:
  bool ok() const { return error_.empty(); }

  void fail(const std::string& expected) {
    if (!ok()) return;
    error_ = "expected " + expected + " at character " + std::to_string(at_) + " of \"" + std::string(text_) + "\"";
  }

  void skip_spaces() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }

  bool accept(std::string_view token) {
    skip_spaces();
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }

  void expect(std::string_view token) {
    if (ok() && !accept(token)) fail(std::string("'").append(token).append("'"));
  }

  std::string name() {
    skip_spaces();
    const std::size_t start = at_;
    while (at_ < text_.size() && is_name_character(text_[at_])) ++at_;
    if (at_ == start) fail("a name");
    return std::string(text_.substr(start, at_ - start));
  }

  void names_until(char end, std::vector<std::string>& names) {
    while (ok() && !accept(std::string_view(&end, 1))) names.push_back(name());
  }

  void shape(Operand& operand) {
    expect("[");
    while (ok() && !accept("]")) {
      const std::string item = name();
      if (!ok()) return;
      if (std::all_of(item.begin(), item.end(), is_digit)) {
        Index value = 0;
        for (const char digit : item) value = std::min<Index>(value * 10 + (digit - '0'), max_dim);
        operand.factor *= value;
        continue;
      }
      const int dim = index_of(signature_.dims, item);
      if (dim < 0) return fail("a dim of the op instead of '" + item + "'");
      operand.dims.push_back(static_cast<std::size_t>(dim));
    }
  }

  // `name~alias:type[shape]`. An output named like an input is that operand.
  void operand(bool is_output) {
    Operand parsed;
    parsed.name = name();
    while (ok() && accept("~")) {
      const std::string alias = name();
      const auto& all = signature_.operands;
      const auto found = std::find_if(all.begin(), all.end(), [&](const Operand& o) { return o.name == alias; });
      if (found == all.end()) return fail("an operand of the op instead of '" + alias + "'");
      parsed.alias.push_back(static_cast<std::size_t>(found - all.begin()));
    }
    if (ok() && accept(":")) {
      const std::string type = name();
      if (type != "u32" && type != "f64") return fail("u32 or f64 instead of '" + type + "'");
      parsed.element = type == "u32" ? Element::u32 : Element::f64;
    }
    if (ok()) shape(parsed);
    if (!ok()) return;
    (is_output ? parsed.is_output : parsed.is_input) = true;
    for (Operand& known : signature_.operands) {
      if (known.name != parsed.name) continue;
      if (known.is_output || !is_output) return fail("operand '" + parsed.name + "' once");
      if (known.element != parsed.element || known.dims != parsed.dims || known.factor != parsed.factor) {
        return fail("the same type and shape for input and output '" + parsed.name + "'");
      }
      known.is_output = true;
      return;
    }
    signature_.operands.push_back(std::move(parsed));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Signature& signature_;
  std::string error_;
};

}  // namespace

ParsedSignature parse_signature(std::string_view name, std::string_view split, std::string_view text) {
  ParsedSignature result;
  Signature& signature = result.signature;
  signature.name = name;
  signature.split = split;
  signature.text = text;
  result.error = Parser(text, signature).parse();
  signature.rows_dim = index_of(signature.dims, "rows");
  signature.split_dim = index_of(signature.dims, split);
  if (result.error.empty() && signature.split_dim < 0 && split != "serial") {
    result.error = "expected a dim of the op or serial as its split, received \"" + std::string(split) + "\"";
  }
  if (!result.error.empty()) result.error = "op " + std::string(name) + ": " + result.error;
  return result;
}

Index element_count(const Operand& operand, std::span<const Index> dims) {
  constexpr Index limit = Index{1} << 52;
  Index count = operand.factor;
  bool is_huge = false;
  for (const std::size_t dim : operand.dims) {
    const Index value = dims[dim];
    if (value == 0) return 0;
    if (is_huge || count > limit / value) is_huge = true;
    else count *= value;
  }
  return is_huge ? -1 : count;
}

}  // namespace hadamard
