// The parser of blocks: most fields by a direct path that knows their kind, all others by the state machine.
#include "csv_block.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "cpu.h"
#include "csv_decimal.h"
#include "csv_numbers.h"
#include "csv_scan.h"
#include "csv_tokenizer.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace hadamard {
namespace {

constexpr std::int32_t code_missing = -1;
constexpr std::int32_t code_unseen = -2;

#if defined(__SSE2__)
// Offset of the first of 16 bytes that is one of three; 16 where none is.
int first_of(const std::uint8_t* from, std::uint8_t a, std::uint8_t b, std::uint8_t c) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  const auto equal = [bytes](std::uint8_t byte) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(static_cast<char>(byte))); };
  const int mask = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(equal(a), equal(b)), equal(c)));
  return std::countr_zero(static_cast<unsigned>(mask) | 0x10000u);
}
#else
int first_of(const std::uint8_t* from, std::uint8_t a, std::uint8_t b, std::uint8_t c) {
  int at = 0;
  while (at < 16 && from[at] != a && from[at] != b && from[at] != c) at++;
  return at;
}
#endif

// The first such byte from `at` on, or a place at or behind `limit`. Reads up to 16 bytes behind the limit.
const std::uint8_t* find_any(const std::uint8_t* at, const std::uint8_t* limit, std::uint8_t a, std::uint8_t b,
                             std::uint8_t c) {
  while (at < limit) {
    const int offset = first_of(at, a, b, c);
    at += offset;
    if (offset < 16) break;
  }
  return at;
}

ReadNumberRows read_number_rows() {
  static const ReadNumberRows chosen = [] {
#if defined(HADAMARD_X64)
    if (cpu::has_avx2_and_fma()) return avx2::read_number_rows;
#endif
    return scalar::read_number_rows;
  }();
  return chosen;
}

// Null where the instruction set has none.
ReadPlainRows read_plain_rows() {
  static const ReadPlainRows chosen = []() -> ReadPlainRows {
#if defined(HADAMARD_X64)
    if (cpu::has_avx2_and_fma()) return avx2::read_plain_rows;
#endif
    return nullptr;
  }();
  return chosen;
}

// Records in a row of which none was plain before no more is expected of the next ones, and how many these are.
constexpr int most_misses = 8, patience = 64;

class BlockParser {
 public:
  BlockParser(std::uint8_t* bytes, std::size_t start, std::size_t end, const CsvBlockOptions& options,
              std::vector<CsvTarget> targets, std::size_t capacity)
      : bytes_(bytes),
        start_(start),
        end_(end),
        options_(options),
        targets_(std::move(targets)),
        capacity_(capacity),
        field_({bytes, end}, start, 1, options.delimiter),
        counted_to_(start) {
    // A listed text may look like a number; then only the state machine tells.
    reads_numbers_directly_ = std::all_of(options.missing.begin(), options.missing.end(), [](const std::string& text) {
      return std::isnan(parse_number(text.data(), text.data() + text.size()));
    });
    if (end > start && !is_line_end(bytes[end - 1])) bytes[end] = '\n';
    field_.without_trailing_lines();
    limit_ = bytes + field_.end();
    find_kinds();
  }

  // False where columns turned out to be text: targets() says which, and the block is to be read anew.
  bool run() {
    result_ = {};
    result_.columns.resize(targets_.size());
    find_tables();
    field_.position = start_;
    while (!field_.is_at_end() && result_.rows < capacity_) {
      const std::uint8_t first = bytes_[field_.position];
      const bool may_be_blank = is_line_end(first) || field_.is_blank(first);
      if (targets_.size() != 1 && may_be_blank && field_.skip_blank_line()) continue;
      if (reads_numbers_directly_ && read_plain()) continue;
      const CsvFailure failure = read_record();
      if (failure.error == CsvError::none) {
        if (!turned_.empty()) return turn();
        result_.rows++;
      } else if (!reject(failure)) {
        break;
      }
    }
    if (!result_.rejects.empty()) drop_unused_texts();
    return true;
  }

  CsvBlockResult take() {
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      result_.columns[i].is_text = targets_[i].kind == CsvKind::texts || targets_[i].kind == CsvKind::categories;
    }
    return std::move(result_);
  }

 private:
  void find_kinds() {
    is_numeric_ = std::all_of(targets_.begin(), targets_.end(), [](const CsvTarget& target) {
      return target.kind == CsvKind::numeric || target.kind == CsvKind::find;
    });
  }

  // Given categories may hold a text that stands for a missing value: such columns have no table.
  void find_tables() {
    tables_.assign(targets_.size(), {});
    for (std::size_t index = 0; index < targets_.size(); ++index) {
      if (targets_[index].kind == CsvKind::texts) note_table(index);
      if (targets_[index].kind != CsvKind::categories) continue;
      const CsvTexts& known = options_.categories[index];
      const auto is_known = [&known](const std::string& text) { return known.find(text) >= 0; };
      if (std::none_of(options_.missing.begin(), options_.missing.end(), is_known)) tables_[index] = known.table();
    }
  }

  // Whenever a text has been added.
  void note_table(std::size_t index) { tables_[index] = result_.columns[index].texts.table(); }

  // Most records are nothing but plain numbers and plain texts. False where the next is another, or likely is.
  bool read_plain() {
    if (misses_ >= most_misses && misses_++ < most_misses + patience) return false;
    const std::uint8_t* const at = bytes_ + field_.position;
    const std::size_t room = capacity_ - result_.rows;
    NumberRows read{0, at};
    if (is_numeric_) {
      read = read_number_rows()(at, limit_, options_.delimiter, targets_.data(), targets_.size(), result_.rows, room);
    } else if (read_plain_rows() != nullptr) {
      read = read_plain_rows()(at, limit_, options_.delimiter, targets_.data(), targets_.size(), result_.rows, room,
                               {this, code_of, tables_.data()});
    }
    result_.rows += read.rows;
    field_.position = static_cast<std::size_t>(read.at - bytes_);
    misses_ = read.rows > 0 ? 0 : std::min(misses_ + 1, most_misses);
    return read.rows > 0;
  }

  static std::int32_t code_of(void* parser, std::size_t index, const std::uint8_t* from, std::size_t length) {
    auto* const self = static_cast<BlockParser*>(parser);
    const std::string_view text(reinterpret_cast<const char*>(from), length);
    if (self->is_listed_missing(text)) return -1;
    if (self->targets_[index].kind != CsvKind::texts) return self->options_.categories[index].find_padded(text);
    const std::int32_t code = self->result_.columns[index].texts.find_or_add_padded(text);
    self->note_table(index);
    return code;
  }

  // Reads the record at the position and moves behind it. The failure of structure, else of the first wrong value.
  CsvFailure read_record() {
    const std::size_t record = field_.position;
    const std::uint8_t* at = bytes_ + record;
    wrong_value_ = {};
    turned_.clear();
    gaps_.clear();
    columns_read_ = 0;
    for (std::size_t index = 0; index < targets_.size(); ++index) {
      bool is_last = false;
      if (read_directly(index, at)) {
        is_last = end_field(at);
      } else {
        field_.position = static_cast<std::size_t>(at - bytes_);
        CsvFailure failure = field_.next();
        if (failure.error != CsvError::none) return unreadable(failure, index);
        read_by_rule(index);
        at = bytes_ + field_.position;
        is_last = field_.is_last;
      }
      columns_read_++;
      if (is_last != (index + 1 == targets_.size())) return wrong_count(record);
    }
    field_.position = static_cast<std::size_t>(at - bytes_);
    return wrong_value_;
  }

  // Moves behind what ends a field; whether it is the last of its record.
  bool end_field(const std::uint8_t*& at) const {
    if (at >= limit_) return true;
    const std::uint8_t byte = *at++;
    if (byte == options_.delimiter) return false;
    if (byte == '\r' && at < limit_ && *at == '\n') at++;
    return true;
  }

  bool is_stop(const std::uint8_t* at) const {
    return at <= limit_ && (*at == options_.delimiter || *at == '\n' || *at == '\r');
  }

  // The plain forms of a field. False where it has another; then nothing has changed.
  bool read_directly(std::size_t index, const std::uint8_t*& at) {
    if (at >= limit_) return false;
    switch (targets_[index].kind) {
      case CsvKind::numeric:
      case CsvKind::find: {
        const std::uint8_t* here = at;
        double value = 0;
        if (reads_numbers_directly_ && decimal::read_number(here, value) && is_stop(here)) {
          store_number(index, value);
          at = here;
          return true;
        }
        return read_empty(index, at);
      }
      case CsvKind::texts:
      case CsvKind::categories:
        return read_text(index, at) || read_empty(index, at);
      case CsvKind::skip:
        return skip_text(at);
    }
    return false;
  }

  // In a file of one column a line that holds nothing needs a second look.
  bool read_empty(std::size_t index, const std::uint8_t* at) {
    if (targets_.size() == 1 || !is_stop(at)) return false;
    store_missing(index, static_cast<std::size_t>(at - bytes_), static_cast<std::size_t>(at - bytes_));
    return true;
  }

  bool read_text(std::size_t index, const std::uint8_t*& at) {
    const std::uint8_t* begin = at;
    const std::uint8_t* end = nullptr;
    const std::uint8_t* behind = nullptr;
    if (*at == '"') {
      begin = at + 1;
      end = find_any(begin, limit_, '"', '"', '"');
      behind = end + 1;
      if (end >= limit_) return false;
    } else {
      end = behind = find_any(at, limit_, options_.delimiter, '\n', '\r');
      if (end == at || field_.is_blank(*at) || field_.is_blank(end[-1])) return false;
    }
    if (!is_stop(behind)) return false;
    const std::string_view text(reinterpret_cast<const char*>(begin), static_cast<std::size_t>(end - begin));
    if (is_listed_missing(text)) {
      store_missing(index, static_cast<std::size_t>(begin - bytes_), static_cast<std::size_t>(end - bytes_));
    } else {
      store_text(index, text);
    }
    at = behind;
    return true;
  }

  bool skip_text(const std::uint8_t*& at) const {
    if (*at == '"' || field_.is_blank(*at)) return false;
    const std::uint8_t* const end = find_any(at, limit_, options_.delimiter, '\n', '\r');
    if (!is_stop(end)) return false;
    at = end;
    return true;
  }

  bool is_listed_missing(std::string_view text) const {
    return std::find(options_.missing.begin(), options_.missing.end(), text) != options_.missing.end();
  }

  // A field of any form, as the state machine has read it.
  void read_by_rule(std::size_t index) {
    const CsvKind kind = targets_[index].kind;
    if (kind == CsvKind::skip) return;
    if (is_missing_field(field_, options_.missing)) return store_missing(index, field_.field_start, field_.field_end);
    if (kind == CsvKind::texts || kind == CsvKind::categories) {
      if (field_.has_doubled_quotes) return store_text(index, unescape(field_.text()));
      return store_text(index, field_.text());
    }
    double value = 0;
    switch (read_number_field(field_, value)) {
      case NumberField::number:
        return store_number(index, value);
      case NumberField::missing:
        return store_missing_word(index);
      case NumberField::infinite:
        store_number(index, std::numeric_limits<double>::quiet_NaN());
        return note(index, kind == CsvKind::find, CsvError::infinite, field_.field_start, field_.field_end);
      case NumberField::text:
        store_number(index, std::numeric_limits<double>::quiet_NaN());
        if (kind == CsvKind::find) {
          turned_.push_back(index);
        } else {
          note(index, false, CsvError::not_number, field_.field_start, field_.field_end);
        }
    }
  }

  // A wrong value, or where the type of the column is still to be found, one that may be wrong.
  void note(std::size_t index, bool is_doubtful, CsvError error, std::size_t start, std::size_t end) {
    CsvFailure& first = is_doubtful ? result_.columns[index].doubtful : wrong_value_;
    if (first.error != CsvError::none) return;
    first = {error, is_doubtful ? line_of(start) : 0, static_cast<std::ptrdiff_t>(index), start, end, 0};
    if (is_doubtful) result_.columns[index].doubtful_row = result_.rows;
  }

  void store_number(std::size_t index, double value) {
    targets_[index].store(result_.rows, value);
  }

  void store_code(std::size_t index, std::int32_t code) {
    static_cast<std::int32_t*>(targets_[index].values)[result_.rows * targets_[index].stride] = code;
  }

  void store_text(std::size_t index, std::string_view text) {
    CsvBlockColumn& column = result_.columns[index];
    if (targets_[index].kind == CsvKind::texts) {
      store_code(index, column.texts.find_or_add(text));
      return note_table(index);
    }
    const std::int32_t code = options_.categories[index].find(text);
    if (code < 0) column.unseen++;
    store_code(index, code < 0 ? code_unseen : code);
  }

  void store_missing(std::size_t index, std::size_t start, std::size_t end) {
    const CsvKind kind = targets_[index].kind;
    if (kind == CsvKind::skip) return;
    if (!options_.allow_missing) note(index, false, CsvError::missing_value, start, end);
    store_gap(index);
  }

  // `NA` and the like, which a column of text would not count as missing.
  void store_missing_word(std::size_t index) {
    if (!options_.allow_missing) {
      const bool is_doubtful = targets_[index].kind == CsvKind::find;
      note(index, is_doubtful, CsvError::missing_value, field_.field_start, field_.field_end);
    }
    store_gap(index);
  }

  void store_gap(std::size_t index) {
    const CsvKind kind = targets_[index].kind;
    result_.columns[index].missing++;
    gaps_.push_back(index);
    if (kind == CsvKind::texts || kind == CsvKind::categories) return store_code(index, code_missing);
    store_number(index, std::numeric_limits<double>::quiet_NaN());
  }

  // Quotes that are wrong; the position is moved behind the record where that can be told.
  CsvFailure unreadable(CsvFailure failure, std::size_t index) {
    failure.column = static_cast<std::ptrdiff_t>(index);
    if (failure.error == CsvError::after_quote) open_quote_ = field_.skip_record();
    return failure;
  }

  CsvFailure wrong_count(std::size_t record) {
    field_.position = record;
    std::size_t found = 0;
    do {
      CsvFailure failure = field_.next();
      if (failure.error != CsvError::none) return unreadable(failure, found);
      found++;
    } while (!field_.is_last);
    return {CsvError::field_count, 0, -1, record, field_.field_end, found};
  }

  // Takes back what the record has left, and lists it. False where reading ends with it.
  bool reject(CsvFailure failure) {
    failure.line = line_of(failure.start);
    for (const std::size_t index : gaps_) result_.columns[index].missing--;
    for (std::size_t index = 0; index < columns_read_; ++index) take_back(index);
    result_.rejects.push_back(failure);
    if (!options_.keeps_going || failure.error == CsvError::open_quote) return false;
    if (open_quote_.error == CsvError::none) return true;
    open_quote_.line = line_of(open_quote_.start);
    result_.rejects.push_back(open_quote_);
    return false;
  }

  void take_back(std::size_t index) {
    const CsvTarget& target = targets_[index];
    CsvBlockColumn& column = result_.columns[index];
    const std::size_t element = result_.rows * target.stride;
    if (column.doubtful.error != CsvError::none && column.doubtful_row == result_.rows) column.doubtful = {};
    if (target.kind != CsvKind::categories) return;
    if (static_cast<const std::int32_t*>(target.values)[element] == code_unseen) column.unseen--;
  }

  // Physical line of an offset, counted on from the last one that was asked for.
  std::size_t line_of(std::size_t offset) {
    if (offset < counted_to_) {
      counted_to_ = start_;
      counted_lines_ = 1;
    }
    for (; counted_to_ < offset; ++counted_to_) {
      const std::uint8_t byte = bytes_[counted_to_];
      if (byte == '\n' || (byte == '\r' && (counted_to_ + 1 >= end_ || bytes_[counted_to_ + 1] != '\n'))) counted_lines_++;
    }
    return counted_lines_;
  }

  bool turn() {
    for (const std::size_t index : turned_) targets_[index].kind = CsvKind::texts;
    turned_.clear();
    misses_ = 0;
    find_kinds();
    return false;
  }

  // Texts of rejected records may be among them.
  void drop_unused_texts() {
    for (std::size_t index = 0; index < targets_.size(); ++index) {
      const CsvTarget& target = targets_[index];
      if (target.kind != CsvKind::texts) continue;
      CsvTexts used;
      auto* const codes = static_cast<std::int32_t*>(target.values);
      for (std::size_t row = 0; row < result_.rows; ++row) {
        std::int32_t& code = codes[row * target.stride];
        if (code >= 0) code = used.find_or_add(result_.columns[index].texts.at(static_cast<std::size_t>(code)));
      }
      result_.columns[index].texts = std::move(used);
    }
  }

  std::uint8_t* bytes_;
  std::size_t start_, end_;
  const CsvBlockOptions& options_;
  std::vector<CsvTarget> targets_;
  std::size_t capacity_;
  std::vector<CsvTextTable> tables_;  // of the columns of texts, for read_plain()
  Tokenizer field_;
  const std::uint8_t* limit_ = nullptr;
  bool reads_numbers_directly_ = true;
  bool is_numeric_ = false;  // all columns are numbers, or may be
  int misses_ = 0;
  CsvFailure wrong_value_;
  CsvFailure open_quote_;  // behind text that follows a quote, in some column of the same record
  std::vector<std::size_t> turned_;  // columns that this record shows to be text
  std::vector<std::size_t> gaps_;    // columns whose value it lacks
  std::size_t columns_read_ = 0;
  std::size_t counted_to_;
  std::size_t counted_lines_ = 1;
  CsvBlockResult result_;
};

}  // namespace

bool read_plain_number(const std::uint8_t*& at, double& value) { return decimal::read_number(at, value); }

NumberRows scalar::read_number_rows(const std::uint8_t* at, const std::uint8_t* limit, std::uint8_t delimiter,
                                    const CsvTarget* targets, std::size_t width, std::size_t row, std::size_t capacity) {
  NumberRows result{0, at};
  const CsvTarget* const last = targets + width - 1;
  for (; result.rows < capacity; ++result.rows, ++row) {
    for (const CsvTarget* target = targets;; ++target) {
      double value = 0;
      if (!decimal::read_number(at, value)) return result;
      target->store(row, value);
      if (target == last) break;
      if (*at++ != delimiter) return result;
    }
    if (at >= limit || (*at != '\n' && *at != '\r')) return result;
    if (*at++ == '\r' && at < limit && *at == '\n') at++;
    result.at = at;
  }
  return result;
}

CsvBlockResult parse_csv_block(std::uint8_t* bytes, std::size_t start, std::size_t end, const CsvBlockOptions& options,
                               const std::vector<CsvTarget>& targets, std::size_t capacity) {
  BlockParser parser(bytes, start, end, options, targets, capacity);
  while (!parser.run()) {
  }
  return parser.take();
}

std::size_t last_record_end(const std::uint8_t* bytes, std::size_t length, std::uint8_t delimiter) {
  // Behind a CR at the very end a LF may still come.
  if (length > 0 && bytes[length - 1] == '\r') length--;
  Tokenizer field({bytes, length}, 0, 1, delimiter);
  std::size_t end = 0;
  while (!field.is_at_end()) {
    const CsvFailure failure = field.next();
    if (failure.error == CsvError::open_quote) break;
    if (failure.error == CsvError::after_quote && field.skip_record().error != CsvError::none) break;
    if (field.is_last && field.position > 0 && is_line_end(bytes[field.position - 1])) end = field.position;
  }
  return end;
}

CsvScan scan_csv(const std::uint8_t* bytes, std::size_t length, std::uint8_t delimiter) {
  static const auto scan = [] {
#if defined(HADAMARD_X64)
    if (cpu::has_avx512()) return avx512::scan_csv;
    if (cpu::has_avx2_and_fma()) return avx2::scan_csv;
#elif defined(HADAMARD_ARM64)
    return neon::scan_csv;
#endif
    return scalar::scan_csv;
  }();
  CsvScan result = scan(bytes, length, delimiter);
  if (!result.is_regular) result.record_end = last_record_end(bytes, length, delimiter);
  return result;
}

}  // namespace hadamard
