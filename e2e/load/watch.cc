#include "e2e/load/watch.h"

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
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

// The sockets of a process's network namespace that lead to port 5432, as the links of descriptors name them
// (proc(5), /proc/PID/net/tcp).
std::set<std::string> to_postgres(pid_t process) {
  std::set<std::string> sockets;
  for (const char* table : {"tcp", "tcp6"}) {
    std::ifstream file("/proc/" + std::to_string(process) + "/net/" + table);
    for (std::string line; std::getline(file, line);) {
      std::istringstream words(line);
      std::vector<std::string> fields{std::istream_iterator<std::string>(words), {}};
      constexpr std::size_t kRemote = 2;
      constexpr std::size_t kInode = 9;
      if (fields.size() > kInode && fields[kRemote].ends_with(":1538"))
        sockets.insert("socket:[" + fields[kInode] + "]");
    }
  }
  return sockets;
}

std::optional<double> open_descriptors(pid_t process) {
  std::error_code error;
  const std::filesystem::directory_iterator entries("/proc/" + std::to_string(process) + "/fd", error);
  if (error) return std::nullopt;
  const std::set<std::string> pooled = to_postgres(process);
  return static_cast<double>(std::count_if(begin(entries), end(entries), [&](const auto& entry) {
    std::error_code closed;
    return !pooled.contains(std::filesystem::read_symlink(entry.path(), closed).string());
  }));
}

}  // namespace

std::optional<Use> use_of(pid_t process) {
  const auto memory = resident_mib(process);
  const auto descriptors = open_descriptors(process);
  if (!memory || !descriptors) return std::nullopt;
  return Use{*memory, *descriptors};
}

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
    const auto use = use_of(process);
    if (!use) {
      seen.gone = true;
      continue;
    }
    seen.memory.push_back({at, use->memory});
    seen.descriptors.push_back({at, use->descriptors});
  }
}

}  // namespace storagepool::e2e
