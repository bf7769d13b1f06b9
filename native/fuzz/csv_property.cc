// The properties of csv_property.h. Values are compared by their bits.
#include "csv_property.h"

#include <bit>
#include <cstring>
#include <vector>

#include "cpu.h"
#include "csv.h"
#include "csv_block.h"
#include "csv_scan.h"

namespace hadamard::fuzz {
namespace {

// How a case is to be read, by its first three bytes.
struct Settings {
  explicit Settings(std::span<const std::uint8_t> bytes) {
    constexpr std::uint8_t delimiters[] = {',', ';', '\t', '|'};
    delimiter = delimiters[bytes[0] & 3];
    const int width = 1 + (bytes[0] >> 2 & 3);
    allow_missing = (bytes[0] & 0x10) == 0;
    if ((bytes[0] & 0x20) != 0) missing = {"-9", "x"};
    for (int i = 0; i < width; ++i) is_text.push_back((bytes[1] >> i & 1) != 0);
    piece = 1 + bytes[2];
  }

  std::uint8_t delimiter = ',';
  bool allow_missing = true;
  std::vector<std::string> missing;
  std::vector<bool> is_text;
  std::size_t piece = 1;
};

// Rows as text: numbers by their bits, texts as they are.
struct Reading {
  std::vector<std::string> rows;
  std::vector<CsvFailure> rejects;
};

std::string cell(double value) { return std::to_string(std::bit_cast<std::uint64_t>(value)); }

Reading read_block(std::span<const std::uint8_t> body, const Settings& settings, bool keeps_going) {
  // Exactly the padding that the parser may read.
  std::vector<std::uint8_t> bytes(body.begin(), body.end());
  bytes.resize(body.size() + csv_padding, 'z');
  const CsvScan scan = scan_csv(bytes.data(), body.size(), settings.delimiter);
  const std::size_t capacity = scan.line_ends + 1;
  CsvBlockOptions options;
  options.delimiter = settings.delimiter;
  options.allow_missing = settings.allow_missing;
  options.keeps_going = keeps_going;
  options.missing = settings.missing;
  options.categories.resize(settings.is_text.size());
  std::vector<CsvTarget> targets;
  std::vector<std::vector<double>> memory(settings.is_text.size(), std::vector<double>(capacity));
  for (std::size_t i = 0; i < settings.is_text.size(); ++i) {
    targets.push_back({settings.is_text[i] ? CsvKind::texts : CsvKind::numeric, false, memory[i].data(), 1});
  }
  const CsvBlockResult result = parse_csv_block(bytes.data(), 0, body.size(), options, targets, capacity);
  Reading reading;
  reading.rejects = result.rejects;
  for (std::size_t row = 0; row < result.rows; ++row) {
    std::string text;
    for (std::size_t i = 0; i < targets.size(); ++i) {
      if (settings.is_text[i]) {
        const std::int32_t code = static_cast<const std::int32_t*>(targets[i].values)[row];
        text += code < 0 ? "-" : "=" + std::string(result.columns[i].texts.at(static_cast<std::size_t>(code)));
      } else {
        text += cell(memory[i][row]);
      }
      text += '\x1f';
    }
    reading.rows.push_back(text);
  }
  return reading;
}

// The body cut as a streaming reader cuts it: behind the last record of what fits a piece, which grows where none does.
Reading read_pieces(std::span<const std::uint8_t> body, const Settings& settings) {
  Reading whole;
  std::size_t start = 0;
  std::size_t lines = 0;
  for (std::size_t size = settings.piece; start < body.size();) {
    const std::span<const std::uint8_t> rest = body.subspan(start);
    std::size_t end = rest.size();
    if (size < rest.size()) end = scan_csv(rest.data(), size, settings.delimiter).record_end;
    if (end == 0) {
      size *= 2;
      continue;
    }
    Reading part = read_block(rest.first(end), settings, true);
    whole.rows.insert(whole.rows.end(), part.rows.begin(), part.rows.end());
    for (CsvFailure failure : part.rejects) {
      failure.line += lines;
      failure.start += start;
      failure.end += start;
      whole.rejects.push_back(failure);
    }
    lines += scan_csv(rest.data(), end, settings.delimiter).line_ends;
    start += end;
    size = settings.piece;
  }
  return whole;
}

// The reader of whole files.
Reading read_whole(std::span<const std::uint8_t> body, const Settings& settings) {
  CsvOptions options;
  options.delimiter = settings.delimiter;
  options.missing = settings.missing;
  options.allow_missing = settings.allow_missing;
  for (const bool is_text : settings.is_text) options.declared.push_back(is_text ? CsvType::categorical : CsvType::numeric);
  const CsvBody parsed = parse_csv(body, options);
  Reading reading;
  if (parsed.failure.error != CsvError::none) {
    reading.rejects.push_back(parsed.failure);
    return reading;
  }
  for (std::size_t row = 0; row < parsed.rows; ++row) {
    std::string text;
    for (const CsvColumn& column : parsed.columns) {
      if (column.is_numeric) {
        text += cell(column.values[row]);
      } else {
        text += column.codes[row] < 0 ? "-" : "=" + column.categories[static_cast<std::size_t>(column.codes[row])];
      }
      text += '\x1f';
    }
    reading.rows.push_back(text);
  }
  return reading;
}

bool is_same(const CsvFailure& a, const CsvFailure& b) {
  return a.error == b.error && a.line == b.line && a.column == b.column && a.start == b.start && a.end == b.end &&
         a.found == b.found;
}

bool is_same(const CsvScan& a, const CsvScan& b) {
  return a.record_end == b.record_end && a.line_ends == b.line_ends && a.quotes == b.quotes &&
         a.is_ascii == b.is_ascii && a.has_nul == b.has_nul && a.is_regular == b.is_regular;
}

std::string judge_scan(std::span<const std::uint8_t> body, std::uint8_t delimiter) {
  // A copy of the exact size: the scan needs no padding.
  const std::vector<std::uint8_t> bytes(body.begin(), body.end());
  const CsvScan plain = scalar::scan_csv(bytes.data(), bytes.size(), delimiter);
#if defined(HADAMARD_X64)
  if (cpu::has_avx2_and_fma() && !is_same(avx2::scan_csv(bytes.data(), bytes.size(), delimiter), plain)) {
    return "avx2 scans otherwise than scalar code";
  }
  if (cpu::has_avx512() && !is_same(avx512::scan_csv(bytes.data(), bytes.size(), delimiter), plain)) {
    return "avx512 scans otherwise than scalar code";
  }
#elif defined(HADAMARD_ARM64)
  if (!is_same(neon::scan_csv(bytes.data(), bytes.size(), delimiter), plain)) {
    return "neon scans otherwise than scalar code";
  }
#endif
  if (plain.is_regular && plain.record_end != last_record_end(bytes.data(), bytes.size(), delimiter)) {
    return "parity finds another last record than the state machine";
  }
  return "";
}

}  // namespace

std::string judge_csv(std::span<const std::uint8_t> input) {
  if (input.size() < 3) return "";
  const Settings settings(input);
  const std::span<const std::uint8_t> body = input.subspan(3);
  if (std::string wrong = judge_scan(body, settings.delimiter); !wrong.empty()) return wrong;

  const Reading block = read_block(body, settings, true);
  const Reading whole = read_whole(body, settings);
  if (whole.rejects.empty() != block.rejects.empty()) return "one reader refuses what the other takes";
  if (whole.rejects.empty() && whole.rows != block.rows) return "the readers give different rows";
  if (!whole.rejects.empty()) {
    bool is_among = false;
    for (const CsvFailure& reject : block.rejects) is_among |= is_same(reject, whole.rejects.front());
    // Of a record with a wrong structure no value is told.
    const CsvError error = whole.rejects.front().error;
    if (!is_among && error != CsvError::not_number && error != CsvError::infinite && error != CsvError::missing_value) {
      return "the reader of blocks does not list what the other refuses";
    }
    const Reading first = read_block(body, settings, false);
    if (first.rejects.size() != 1 || !is_same(first.rejects.front(), block.rejects.front())) {
      return "the first wrong record is another where reading goes on";
    }
  }
  // Blank lines at the end of a piece of a one-column file are another layer's business.
  if (settings.is_text.size() == 1) return "";
  const Reading pieces = read_pieces(body, settings);
  if (pieces.rows != block.rows) return "pieces give other rows than the whole";
  if (pieces.rejects.size() != block.rejects.size()) return "pieces list other records than the whole";
  for (std::size_t i = 0; i < pieces.rejects.size(); ++i) {
    if (!is_same(pieces.rejects[i], block.rejects[i])) return "pieces tell of a wrong record otherwise than the whole";
  }
  return "";
}

}  // namespace hadamard::fuzz
