// Asks the processor and, on Linux, /sys and the cgroup; elsewhere the standard library's count serves.
#include "cpu.h"

#include <algorithm>
#include <thread>

#if defined(__linux__)
#include <sched.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#endif

namespace hadamard::cpu {

bool has_avx2_and_fma() {
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

bool has_avx512() {
#if defined(__MINGW32__)
  // GCC 12 for Windows: the self-test finds its AVX-512 code off by a unit in the last place, in the op embed.
  return false;
#elif defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#else
  return false;
#endif
}

#if defined(__linux__)
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Siblings of a core share one list of hyper-threads, so the distinct lists are the cores.
int physical_cores_in_affinity_mask() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof mask, &mask) != 0) return 0;
  std::set<std::string> cores;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (!CPU_ISSET(i, &mask)) continue;
    const std::string id = std::to_string(i);
    const std::string siblings = first_line("/sys/devices/system/cpu/cpu" + id + "/topology/thread_siblings_list");
    cores.insert(siblings.empty() ? "cpu" + id : siblings);
  }
  return static_cast<int>(cores.size());
}

// Processors' worth of time in one cgroup directory, 0 without a limit. v2: "quota period" or "max period".
double quota_v2(const std::string& directory) {
  const std::string line = first_line(directory + "/cpu.max");
  const std::size_t space = line.find(' ');
  if (space == std::string::npos || line.compare(0, 3, "max") == 0) return 0;
  const double period = std::strtod(line.c_str() + space, nullptr);
  return period > 0 ? std::strtod(line.c_str(), nullptr) / period : 0;
}

double quota_v1(const std::string& directory) {
  const double quota = std::strtod(first_line(directory + "/cpu.cfs_quota_us").c_str(), nullptr);
  const double period = std::strtod(first_line(directory + "/cpu.cfs_period_us").c_str(), nullptr);
  return quota > 0 && period > 0 ? quota / period : 0;
}

// The tightest limit on the way from this process's group up to the root, 0 without one.
double cgroup_quota() {
  std::ifstream groups("/proc/self/cgroup");
  double tightest = 0;
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = std::string(",").append(line, first + 1, second - first - 1).append(",");
    const bool is_v2 = controllers == ",,";
    if (!is_v2 && controllers.find(",cpu,") == std::string::npos) continue;
    for (std::string path = line.substr(second + 1);; path.erase(path.rfind('/'))) {
      const double quota = is_v2 ? quota_v2("/sys/fs/cgroup" + path) : quota_v1("/sys/fs/cgroup/cpu" + path);
      if (quota > 0 && (tightest == 0 || quota < tightest)) tightest = quota;
      if (path.find('/') == std::string::npos) break;
    }
  }
  return tightest;
}

}  // namespace
#endif

int available_cores() {
  int cores = 0;
#if defined(__linux__)
  cores = physical_cores_in_affinity_mask();
  const double quota = cgroup_quota();
  if (quota > 0) cores = std::min(cores, std::max(1, static_cast<int>(std::floor(quota + 0.5))));
#endif
  if (cores <= 0) cores = static_cast<int>(std::thread::hardware_concurrency());
  return std::max(1, cores);
}

}  // namespace hadamard::cpu
