#include "pool/common/runtime/metrics/process_metrics.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

#include <unistd.h>

namespace storagepool::runtime {
namespace {

prometheus::MetricFamily family(const char* name, const char* help, prometheus::MetricType type,
                                double value) {
  prometheus::ClientMetric metric;
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return {name, help, type, {metric}};
}

std::optional<double> resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total_pages = 0;
  std::uint64_t resident_pages = 0;
  if (!(statm >> total_pages >> resident_pages)) return std::nullopt;
  return static_cast<double>(resident_pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

std::optional<double> open_fds() {
  std::error_code error;
  std::filesystem::directory_iterator entries("/proc/self/fd", error);
  if (error) return std::nullopt;
  // One of them is the descriptor of this listing.
  return static_cast<double>(std::distance(begin(entries), end(entries)) - 1);
}

std::optional<double> boot_time() {
  std::ifstream stat("/proc/stat");
  std::string line;
  while (std::getline(stat, line)) {
    std::istringstream words(line);
    std::string key;
    double seconds = 0;
    if (words >> key >> seconds && key == "btime") return seconds;
  }
  return std::nullopt;
}

struct Times {
  double cpu_seconds = 0;
  double start_after_boot = 0;
};

std::optional<Times> times() {
  std::ifstream stat("/proc/self/stat");
  std::string line;
  if (!std::getline(stat, line)) return std::nullopt;
  // The second field is the program's name in parentheses and may hold anything: count from the last one
  // (proc(5)).
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream words(line.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) words >> skipped;
  double user = 0;
  double system = 0;
  if (!(words >> user >> system)) return std::nullopt;
  for (int field = 16; field < 22; ++field) words >> skipped;
  double start = 0;
  if (!(words >> start)) return std::nullopt;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  return Times{(user + system) / ticks, start / ticks};
}

}  // namespace

std::vector<prometheus::MetricFamily> process_metrics() {
  std::vector<prometheus::MetricFamily> families;
  if (const auto bytes = resident_bytes()) {
    families.push_back(family("process_resident_memory_bytes", "Resident memory size in bytes.",
                              prometheus::MetricType::Gauge, *bytes));
  }
  if (const auto count = open_fds()) {
    families.push_back(family("process_open_fds", "Number of open file descriptors.",
                              prometheus::MetricType::Gauge, *count));
  }
  const auto measured = times();
  const auto boot = boot_time();
  if (measured && boot) {
    families.push_back(family("process_start_time_seconds", "Start time since the Unix epoch in seconds.",
                              prometheus::MetricType::Gauge, *boot + measured->start_after_boot));
  }
  if (measured) {
    families.push_back(family("process_cpu_seconds_total", "User and system CPU time spent in seconds.",
                              prometheus::MetricType::Counter, measured->cpu_seconds));
  }
  return families;
}

}  // namespace storagepool::runtime
