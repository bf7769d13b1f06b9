// The state machine over the bytes of a CSV and the columns it fills; see csv.h.
#include "csv.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <limits>
#include <string_view>
#include <unordered_map>

namespace hadamard {
namespace {

bool is_line_end(std::uint8_t byte) { return byte == '\n' || byte == '\r'; }
bool is_space_or_tab(std::uint8_t byte) { return byte == ' ' || byte == '\t'; }

// Reads field after field; after next() its public members describe the field just read.
class Tokenizer {
 public:
  Tokenizer(std::span<const std::uint8_t> bytes, const CsvOptions& options)
      : position(options.start), line(options.line), bytes_(bytes.data()), delimiter_(options.delimiter) {
    end_ = bytes.size();
    while (end_ > position && (is_blank(bytes_[end_ - 1]) || is_line_end(bytes_[end_ - 1]))) end_--;
    stops_[delimiter_] = stops_['\n'] = stops_['\r'] = true;
  }

  bool is_at_end() const { return position >= end_; }

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

  std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes_) + field_start, field_end - field_start};
  }

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
      if (at >= end_) return {CsvError::open_quote, field_line, -1, open + 1, end_, 0};
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
      return {CsvError::after_quote, line, -1, position, at, 0};
    }
    end_field();
    return {};
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

  // Where a tab parts the fields it is not a blank.
  bool is_blank(std::uint8_t byte) const { return byte == ' ' || (byte == '\t' && delimiter_ != '\t'); }

  const std::uint8_t* bytes_;
  std::size_t end_ = 0;
  std::uint8_t delimiter_;
  std::array<bool, 256> stops_{};
};

std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); i++) {
    plain += text[i];
    if (text[i] == '"') i++;
  }
  return plain;
}

bool is_missing_field(const Tokenizer& field, const std::vector<std::string>& missing) {
  if (!field.is_quoted && field.field_start == field.field_end) return true;
  if (missing.empty()) return false;
  const std::string_view text = field.text();
  if (!field.has_doubled_quotes) return std::find(missing.begin(), missing.end(), text) != missing.end();
  return std::find(missing.begin(), missing.end(), unescape(text)) != missing.end();
}

bool is_infinity(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (text.size() != 3 && text.size() != 8) return false;
  return std::equal(text.begin(), text.end(), "infinity", [](char a, char b) { return (a | 0x20) == b; });
}

void note(CsvFailure& first, CsvError error, const Tokenizer& field) {
  if (first.error == CsvError::none) first = {error, field.field_line, -1, field.field_start, field.field_end, 0};
}

// What the first pass learns of a column. While no text was met the numbers are kept; then they are dropped.
struct ColumnScan {
  explicit ColumnScan(CsvType type)
      : is_numeric(type != CsvType::categorical), is_declared_numeric(type == CsvType::numeric) {}

  void add(const Tokenizer& field, const std::vector<std::string>& missing_texts) {
    if (is_missing_field(field, missing_texts)) {
      note(missing_text, CsvError::missing_value, field);
      add_missing(field);
    } else if (is_numeric) {
      add_number(field);
    }
  }

  void add_number(const Tokenizer& field) {
    std::string_view token = field.text();
    if (field.is_quoted) {
      while (!token.empty() && is_space_or_tab(token.front())) token.remove_prefix(1);
      while (!token.empty() && is_space_or_tab(token.back())) token.remove_suffix(1);
    }
    const double value = parse_number(token.data(), token.data() + token.size());
    if (std::isfinite(value)) {
      values.push_back(value);
    } else if (token == "NA" || token == "nan" || token == "NaN") {
      add_missing(field);
    } else if (!std::isnan(value) || is_infinity(token)) {
      note(infinite, CsvError::infinite, field);
      values.push_back(0);
    } else if (is_declared_numeric) {
      note(text, CsvError::not_number, field);
      values.push_back(0);
    } else {
      is_numeric = false;
      missing = 0;
      values = {};
    }
  }

  void add_missing(const Tokenizer& field) {
    if (!is_numeric) return;
    note(missing_number, CsvError::missing_value, field);
    missing++;
    values.push_back(std::numeric_limits<double>::quiet_NaN());
  }

  bool is_numeric;
  bool is_declared_numeric;
  std::size_t missing = 0;
  CsvFailure text, infinite, missing_number, missing_text;
  std::vector<double> values;
};

// UTF-16 puts the pairs of characters beyond U+FFFF (lead bytes F0 to F4) before U+E000 to U+FFFF (EE and EF).
int utf16_rank(char c) {
  const auto byte = static_cast<std::uint8_t>(c);
  return byte == 0xEE || byte == 0xEF ? byte + 0x10 : byte;
}

bool utf16_less(std::string_view a, std::string_view b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [](char x, char y) { return utf16_rank(x) < utf16_rank(y); });
}

// Texts as codes in the order of their first appearance, then sorted.
class TextColumn {
 public:
  explicit TextColumn(std::size_t rows) { codes_.reserve(rows); }

  void add_missing() {
    missing_++;
    codes_.push_back(-1);
  }

  void add(const Tokenizer& field) {
    std::string_view text = field.text();
    if (field.has_doubled_quotes) text = unescaped_.emplace_back(unescape(text));
    const auto [entry, is_new] = code_of_.try_emplace(text, static_cast<std::int32_t>(texts_.size()));
    if (is_new) {
      texts_.push_back(text);
    } else if (field.has_doubled_quotes) {
      unescaped_.pop_back();
    }
    codes_.push_back(entry->second);
  }

  CsvColumn finish() {
    std::vector<std::int32_t> order(texts_.size());
    for (std::size_t i = 0; i < order.size(); i++) order[i] = static_cast<std::int32_t>(i);
    std::sort(order.begin(), order.end(), [this](auto a, auto b) { return utf16_less(texts_[a], texts_[b]); });
    std::vector<std::int32_t> rank(order.size());
    CsvColumn column{.is_numeric = false, .missing = missing_, .values = {}, .codes = {}, .categories = {}};
    for (std::size_t i = 0; i < order.size(); i++) {
      rank[order[i]] = static_cast<std::int32_t>(i);
      column.categories.emplace_back(texts_[order[i]]);
    }
    for (std::int32_t& code : codes_) code = code < 0 ? -1 : rank[code];
    column.codes = std::move(codes_);
    return column;
  }

 private:
  std::size_t missing_ = 0;
  std::vector<std::int32_t> codes_;
  std::vector<std::string_view> texts_;
  std::deque<std::string> unescaped_;  // keeps the views of texts with doubled quotes alive
  std::unordered_map<std::string_view, std::int32_t> code_of_;
};

// The first pass: structure, types, numbers.
CsvFailure scan(std::span<const std::uint8_t> bytes, const CsvOptions& options, std::vector<ColumnScan>& columns,
                std::size_t& rows) {
  Tokenizer field(bytes, options);
  while (!field.is_at_end()) {
    // A line of a one-column file that holds nothing is a missing value, elsewhere it is no row.
    if (columns.size() != 1 && field.skip_blank_line()) continue;
    const std::size_t record_start = field.position;
    const std::size_t record_line = field.line;
    std::size_t found = 0;
    do {
      CsvFailure failure = field.next();
      if (failure.error != CsvError::none) {
        failure.column = static_cast<std::ptrdiff_t>(found);
        return failure;
      }
      if (found < columns.size()) columns[found].add(field, options.missing);
      found++;
    } while (!field.is_last);
    if (found != columns.size()) {
      return {CsvError::field_count, record_line, -1, record_start, field.field_end, found};
    }
    rows++;
  }
  return {};
}

// The failure that comes first in the file; of a column that turned out to be text, only missing texts count.
CsvFailure first_wrong_value(const std::vector<ColumnScan>& columns, bool allow_missing) {
  CsvFailure first;
  for (std::size_t index = 0; index < columns.size(); index++) {
    const ColumnScan& column = columns[index];
    const CsvFailure missing = allow_missing ? CsvFailure{} : column.is_numeric ? column.missing_number : column.missing_text;
    const std::array<CsvFailure, 3> candidates = {column.is_numeric ? column.text : CsvFailure{},
                                                  column.is_numeric ? column.infinite : CsvFailure{}, missing};
    for (const CsvFailure& failure : candidates) {
      if (failure.error == CsvError::none) continue;
      if (first.error != CsvError::none && failure.start >= first.start) continue;
      first = failure;
      first.column = static_cast<std::ptrdiff_t>(index);
    }
  }
  return first;
}

// The second pass, over the texts only; it cannot fail, the first has checked everything.
std::vector<TextColumn> collect_texts(std::span<const std::uint8_t> bytes, const CsvOptions& options,
                                      const std::vector<ColumnScan>& columns, std::size_t rows) {
  std::vector<TextColumn> texts;
  texts.reserve(columns.size());
  for (const ColumnScan& column : columns) texts.emplace_back(column.is_numeric ? 0 : rows);
  Tokenizer field(bytes, options);
  while (!field.is_at_end()) {
    if (columns.size() != 1 && field.skip_blank_line()) continue;
    for (std::size_t index = 0; index < columns.size(); index++) {
      field.next();
      if (columns[index].is_numeric) continue;
      if (is_missing_field(field, options.missing)) {
        texts[index].add_missing();
      } else {
        texts[index].add(field);
      }
    }
  }
  return texts;
}

}  // namespace

const char* csv_error_name(CsvError error) {
  constexpr const char* names[] = {"none", "fieldCount", "openQuote", "afterQuote", "notNumber", "infinite", "missingValue"};
  return names[static_cast<int>(error)];
}

CsvBody parse_csv(std::span<const std::uint8_t> bytes, const CsvOptions& options) {
  CsvBody body;
  std::vector<ColumnScan> columns(options.declared.begin(), options.declared.end());
  body.failure = scan(bytes, options, columns, body.rows);
  if (body.failure.error == CsvError::none) body.failure = first_wrong_value(columns, options.allow_missing);
  if (body.failure.error != CsvError::none) return body;
  std::vector<TextColumn> texts;
  const bool has_texts = std::any_of(columns.begin(), columns.end(), [](const auto& column) { return !column.is_numeric; });
  if (has_texts) texts = collect_texts(bytes, options, columns, body.rows);
  for (std::size_t index = 0; index < columns.size(); index++) {
    ColumnScan& column = columns[index];
    body.columns.push_back(column.is_numeric ? CsvColumn{.is_numeric = true,
                                                         .missing = column.missing,
                                                         .values = std::move(column.values),
                                                         .codes = {},
                                                         .categories = {}}
                                             : texts[index].finish());
  }
  return body;
}

}  // namespace hadamard
