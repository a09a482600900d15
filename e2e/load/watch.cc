#include "e2e/load/watch.h"

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

namespace storagepool::e2e {
namespace {

using std::chrono::steady_clock;

std::optional<double> resident_mib(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string word; status >> word;) {
    if (double kib = 0; word == "VmRSS:" && status >> kib) return kib / 1024;
  }
  return std::nullopt;
}

std::optional<double> open_descriptors(pid_t process) {
  std::error_code error;
  const std::filesystem::directory_iterator entries("/proc/" + std::to_string(process) + "/fd", error);
  if (error) return std::nullopt;
  return static_cast<double>(std::distance(begin(entries), end(entries)));
}

}  // namespace

Watch::Watch(std::map<std::string, pid_t> processes, steady_clock::time_point origin)
    : processes_(std::move(processes)), looker_([this, origin](const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any ended;
        for (auto next = steady_clock::now(); !stop.stop_requested(); next += std::chrono::seconds{1}) {
          look(origin);
          std::unique_lock lock(mutex);
          ended.wait_until(lock, stop, next + std::chrono::seconds{1}, [] { return false; });
        }
      }) {}

void Watch::stop() {
  looker_.request_stop();
  if (looker_.joinable()) looker_.join();
}

void Watch::look(steady_clock::time_point origin) {
  const double at = std::chrono::duration<double>(steady_clock::now() - origin).count();
  for (const auto& [name, process] : processes_) {
    Seen& seen = seen_[name];
    const auto memory = resident_mib(process);
    const auto descriptors = open_descriptors(process);
    if (!memory || !descriptors) {
      seen.gone = true;
      continue;
    }
    seen.memory.push_back({at, *memory});
    seen.descriptors.push_back({at, *descriptors});
  }
}

}  // namespace storagepool::e2e
