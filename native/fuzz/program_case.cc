// Text to case and back, by one table of keywords.
#include "program_case.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "dispatch.h"

namespace hadamard::fuzz {
namespace {

constexpr std::size_t max_numbers = 4096, max_names = 256, max_entries = 16, max_buffers = 16;

using Values = std::vector<std::string>;

// Far beyond every bound, and far enough from the type's ends that a mutation cannot overflow.
Index integer(const std::string& text) {
  constexpr Index limit = Index{1} << 60;
  return std::clamp<Index>(std::strtoll(text.c_str(), nullptr, 10), -limit, limit);
}

std::string show(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", number);
  return text;
}

template <class T, class Read>
void append(std::vector<T>& list, std::size_t most, const Values& values, Read read) {
  for (const std::string& value : values) {
    if (list.size() < most) list.push_back(read(value));
  }
}

void read_entry(ProgramCase& program, const Values& values) {
  if (values.size() != 3 || program.source.entries.size() >= max_entries) return;
  program.source.entries.push_back({values[0], integer(values[1]), integer(values[2])});
}

void read_batch(ProgramCase& program, const Values& values) {
  if (values.size() != 2) return;
  program.rows = integer(values[0]);
  program.cursor = integer(values[1]);
}

struct Keyword {
  const char* name;
  void (*read)(ProgramCase&, const Values&);
};

constexpr Keyword keywords[] = {
    {"isa", [](ProgramCase& p, const Values& v) { if (!v.empty()) p.isa = v[0]; }},
    {"dtype", [](ProgramCase& p, const Values& v) {
       p.source.dtype = !v.empty() && v[0] == "float64" ? Dtype::float64 : Dtype::float32;
     }},
    {"fill", [](ProgramCase& p, const Values& v) { if (!v.empty()) p.fill = integer(v[0]); }},
    {"batch", read_batch},
    {"rows", [](ProgramCase& p, const Values& v) { if (!v.empty()) p.source.rows = integer(v[0]); }},
    {"status", [](ProgramCase& p, const Values& v) { if (!v.empty()) p.source.status = integer(v[0]); }},
    {"arena", [](ProgramCase& p, const Values& v) { if (!v.empty()) p.source.arena_bytes = integer(v[0]); }},
    {"buffers", [](ProgramCase& p, const Values& v) { append(p.buffers, max_buffers, v, integer); }},
    {"ops", [](ProgramCase& p, const Values& v) {
       append(p.source.ops, max_names, v, [](const std::string& name) { return name; });
     }},
    {"entry", read_entry},
    {"code", [](ProgramCase& p, const Values& v) {
       append(p.source.code, max_numbers, v, [](const std::string& t) { return std::strtod(t.c_str(), nullptr); });
     }},
};

Values words_of(std::string_view line) {
  Values words;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    if (end > 0) words.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

// Numbers of the instruction at `at`, itself included; 1 where it is none.
std::size_t length_of(const ProgramSource& source, std::size_t at) {
  const double index = source.code[at];
  if (!(index >= 0 && index < double(source.ops.size()))) return 1;
  const std::string& name = source.ops[std::size_t(index)];
  if (name == "repeat") return 4;
  const int op = find_op(name);
  if (op < 0) return 1;
  const Signature& signature = ops()[std::size_t(op)];
  return 1 + signature.dims.size() + signature.scalars.size() + 2 * signature.operands.size();
}

}  // namespace

ProgramCase parse_case(std::string_view text) {
  ProgramCase program;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    Values words = words_of(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (words.empty()) continue;
    const auto* const keyword =
        std::find_if(std::begin(keywords), std::end(keywords), [&](const Keyword& k) { return words[0] == k.name; });
    if (keyword == std::end(keywords)) continue;
    words.erase(words.begin());
    keyword->read(program, words);
  }
  return program;
}

std::string print_case(const ProgramCase& program) {
  const ProgramSource& source = program.source;
  const auto line = [](const char* keyword, std::initializer_list<Index> numbers) {
    std::string text = keyword;
    for (const Index number : numbers) text += " " + std::to_string(number);
    return text + "\n";
  };
  const std::string dtype = source.dtype == Dtype::float64 ? "float64" : "float32";
  std::string text = "isa " + program.isa + "\ndtype " + dtype + "\n" + line("fill", {program.fill}) +
                     line("batch", {program.rows, program.cursor}) + line("rows", {source.rows}) +
                     line("status", {source.status}) + line("arena", {source.arena_bytes}) + "buffers";
  for (const Index bytes : program.buffers) text += " " + std::to_string(bytes);
  text += "\nops";
  for (const std::string& op : source.ops) text += " " + op;
  text += "\n";
  for (const EntrySource& entry : source.entries) text += "entry " + entry.name + line("", {entry.start, entry.end});
  for (std::size_t at = 0; at < source.code.size();) {
    text += "code";
    const std::size_t end = std::min(at + length_of(source, at), source.code.size());
    for (; at < end; ++at) text += " " + show(source.code[at]);
    text += "\n";
  }
  return text;
}

}  // namespace hadamard::fuzz
