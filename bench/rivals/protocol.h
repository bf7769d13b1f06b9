// The child's side of bench/child.ts for C++: a line of `KIND key=value …` opens a case, `run MS` repeats it for that long
// and answers with items per second.
#ifndef HADAMARD_BENCH_PROTOCOL_H
#define HADAMARD_BENCH_PROTOCOL_H

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

struct Request {
  std::string kind;
  std::map<std::string, std::string> fields;

  const std::string& text(const std::string& name) const { return fields.at(name); }
  int number(const std::string& name) const { return std::stoi(fields.at(name)); }
};

// What a request leads to: a call with the items that it does, or the reason why there is none.
struct Opened {
  std::function<void()> call;
  double items = 1;
  std::string refusal;
};

inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The clock is read about every 50 µs.
inline double items_per_second(const Opened& opened, double milliseconds) {
  std::uint64_t calls = 0, stride = 1;
  const double start = seconds_now();
  double now = start, last = start;
  while (now - start < milliseconds / 1000) {
    for (std::uint64_t i = 0; i < stride; ++i) opened.call();
    calls += stride;
    now = seconds_now();
    if (now - last < 50e-6) stride *= 2;
    last = now;
  }
  return opened.items * static_cast<double>(calls) / (now - start);
}

// Numbers in [−1, 1), the same for all that are measured.
inline float sample(std::uint32_t index) {
  index = (index ^ (index >> 16)) * 0x45d9f3bu;
  index = (index ^ (index >> 16)) * 0x45d9f3bu;
  return static_cast<float>(index >> 8) * 0x1p-23f - 1;
}

inline int serve(const std::string& version, const std::function<Opened(const Request&)>& open) {
  std::cout << "ready " << version << std::endl;
  Opened opened;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    Request request;
    words >> request.kind;
    if (request.kind == "run") {
      double milliseconds;
      words >> milliseconds;
      std::cout << items_per_second(opened, milliseconds) << std::endl;
      continue;
    }
    for (std::string word; words >> word;) request.fields[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
    opened = open(request);
    if (opened.refusal.empty()) std::cout << "ok" << std::endl;
    else std::cout << "no " << opened.refusal << std::endl;
  }
  return 0;
}

#endif
