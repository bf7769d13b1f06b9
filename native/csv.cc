// The state machine over the bytes of a CSV and the columns it fills; see csv.h.
#include "csv.h"
#include "csv_tokenizer.h"

#include <algorithm>
#include <array>
#include <deque>
#include <limits>
#include <string_view>
#include <unordered_map>

namespace hadamard {
namespace {

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
    double value = 0;
    switch (read_number_field(field, value)) {
      case NumberField::number:
        values.push_back(value);
        return;
      case NumberField::missing:
        add_missing(field);
        return;
      case NumberField::infinite:
        note(infinite, CsvError::infinite, field);
        values.push_back(0);
        return;
      case NumberField::text:
        if (is_declared_numeric) {
          note(text, CsvError::not_number, field);
          values.push_back(0);
        } else {
          is_numeric = false;
          missing = 0;
          values = {};
        }
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
  Tokenizer field = Tokenizer(bytes, options.start, options.line, options.delimiter).without_trailing_lines();
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
  Tokenizer field = Tokenizer(bytes, options.start, options.line, options.delimiter).without_trailing_lines();
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
