// The state machine over the bytes of a CSV: what a field is, and where it ends. The rules of docs/data.md in C++.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "csv.h"

namespace hadamard {

inline bool is_line_end(std::uint8_t byte) { return byte == '\n' || byte == '\r'; }
inline bool is_space_or_tab(std::uint8_t byte) { return byte == ' ' || byte == '\t'; }

// Reads field after field; after next() its public members describe the field just read.
class Tokenizer {
 public:
  Tokenizer(std::span<const std::uint8_t> bytes, std::size_t start, std::size_t first_line, std::uint8_t delimiter)
      : position(start), line(first_line), bytes_(bytes.data()), end_(bytes.size()), delimiter_(delimiter) {
    stops_[delimiter_] = stops_['\n'] = stops_['\r'] = true;
  }

  // Leaves out the blank lines at the end of the bytes.
  Tokenizer& without_trailing_lines() {
    const std::size_t end = trimmed(position, end_);
    if (end == position) {
      end_ = end;
      return *this;
    }
    std::size_t at = end;
    while (at < end_ && is_blank(bytes_[at])) at++;
    if (at + 1 < end_ && bytes_[at] == '\r' && bytes_[at + 1] == '\n') at++;
    end_ = std::min(at + 1, end_);
    return *this;
  }

  bool is_at_end() const { return position >= end_; }
  std::size_t end() const { return end_; }

  // Steps over the line at the start of a record if it holds nothing but blanks.
  bool skip_blank_line() {
    const std::size_t at = skip_blanks(position);
    if (at >= end_ || !is_line_end(bytes_[at])) return false;
    position = at;
    end_record();
    return true;
  }

  // Reads the next field; the column of a failure is left to the caller.
  CsvFailure next() {
    std::size_t at = skip_blanks(position);
    field_line = line;
    if (at < end_ && bytes_[at] == '"') return next_quoted(at);
    is_quoted = has_doubled_quotes = false;
    field_start = at;
    while (at < end_ && !stops_[bytes_[at]]) at++;
    position = at;
    while (at > field_start && is_blank(bytes_[at - 1])) at--;
    field_end = at;
    end_field();
    return {};
  }

  // Reads on to the end of the record behind a quoted field that something follows, as if that were unquoted text.
  CsvFailure skip_record() {
    skip_to_stop();
    while (!is_last) {
      const CsvFailure failure = next();
      if (failure.error == CsvError::open_quote) return failure;
      if (failure.error == CsvError::after_quote) skip_to_stop();
    }
    return {};
  }

  std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes_) + field_start, field_end - field_start};
  }

  // Where a tab parts the fields it is not a blank.
  bool is_blank(std::uint8_t byte) const { return byte == ' ' || (byte == '\t' && delimiter_ != '\t'); }

  std::size_t position;
  std::size_t line;
  std::size_t field_start = 0;
  std::size_t field_end = 0;
  std::size_t field_line = 1;
  bool is_quoted = false;
  bool has_doubled_quotes = false;
  bool is_last = false;

 private:
  CsvFailure next_quoted(std::size_t open) {
    is_quoted = true;
    has_doubled_quotes = false;
    field_start = open + 1;
    std::size_t at = open + 1;
    for (;; at++) {
      if (at >= end_) return {CsvError::open_quote, field_line, -1, open + 1, trimmed(open + 1, end_), 0};
      if (bytes_[at] == '"') {
        if (at + 1 >= end_ || bytes_[at + 1] != '"') break;
        has_doubled_quotes = true;
        at++;
      } else if (bytes_[at] == '\n' || (bytes_[at] == '\r' && (at + 1 >= end_ || bytes_[at + 1] != '\n'))) {
        line++;
      }
    }
    field_end = at;
    at = skip_blanks(at + 1);
    position = at;
    if (at < end_ && !stops_[bytes_[at]]) {
      while (at < end_ && !stops_[bytes_[at]]) at++;
      while (is_blank(bytes_[at - 1])) at--;
      return {CsvError::after_quote, line, -1, position, at, 0};
    }
    end_field();
    return {};
  }

  // The end of what is left without the blanks and line ends that close it.
  std::size_t trimmed(std::size_t start, std::size_t end) const {
    while (end > start && (is_blank(bytes_[end - 1]) || is_line_end(bytes_[end - 1]))) end--;
    return end;
  }

  void skip_to_stop() {
    while (position < end_ && !stops_[bytes_[position]]) position++;
    end_field();
  }

  // At a delimiter, a line end or the end of the bytes.
  void end_field() {
    is_last = position >= end_ || bytes_[position] != delimiter_;
    if (!is_last) {
      position++;
    } else if (position < end_) {
      end_record();
    }
  }

  void end_record() {
    if (bytes_[position] == '\r' && position + 1 < end_ && bytes_[position + 1] == '\n') position++;
    position++;
    line++;
  }

  std::size_t skip_blanks(std::size_t at) const {
    while (at < end_ && is_blank(bytes_[at])) at++;
    return at;
  }

  const std::uint8_t* bytes_;
  std::size_t end_;
  std::uint8_t delimiter_;
  std::array<bool, 256> stops_{};
};

inline std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); i++) {
    plain += text[i];
    if (text[i] == '"') i++;
  }
  return plain;
}

inline bool is_missing_field(const Tokenizer& field, const std::vector<std::string>& missing) {
  if (!field.is_quoted && field.field_start == field.field_end) return true;
  if (missing.empty()) return false;
  const std::string_view text = field.text();
  if (!field.has_doubled_quotes) return std::find(missing.begin(), missing.end(), text) != missing.end();
  return std::find(missing.begin(), missing.end(), unescape(text)) != missing.end();
}

inline bool is_infinity(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (text.size() != 3 && text.size() != 8) return false;
  return std::equal(text.begin(), text.end(), "infinity", [](char a, char b) { return (a | 0x20) == b; });
}

enum class NumberField { number, missing, infinite, text };

// What a field says where a number is expected.
inline NumberField read_number_field(const Tokenizer& field, double& value) {
  std::string_view token = field.text();
  if (field.is_quoted) {
    while (!token.empty() && is_space_or_tab(token.front())) token.remove_prefix(1);
    while (!token.empty() && is_space_or_tab(token.back())) token.remove_suffix(1);
  }
  value = parse_number(token.data(), token.data() + token.size());
  if (std::isfinite(value)) return NumberField::number;
  if (token == "NA" || token == "nan" || token == "NaN") return NumberField::missing;
  return !std::isnan(value) || is_infinity(token) ? NumberField::infinite : NumberField::text;
}

}  // namespace hadamard
