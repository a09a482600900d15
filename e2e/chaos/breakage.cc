#include "e2e/chaos/breakage.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <system_error>

#include "e2e/support/kubectl.h"
#include "e2e/support/objects.h"
#include "e2e/support/poll.h"

namespace storagepool::e2e {
namespace {

using namespace std::chrono_literals;

// Of a file system that may be filled: larger ones are not a volume's own.
constexpr unsigned long long kMostBytes = 1ULL << 30;

}  // namespace

Processes servers_of(const Targets& targets) {
  return [uid = targets.postgres_uid] { return processes_in_pod(uid, "postgres"); };
}

Fault going_on(std::string name, std::string title, std::function<void(const std::stop_token&)> what) {
  return lasting<std::jthread>(std::move(name), std::move(title),
                               [what = std::move(what)] { return std::make_shared<std::jthread>(what); });
}

Stopped::Stopped(Processes processes) : processes_(std::move(processes)) {
  for (const pid_t process : processes_()) ::kill(process, SIGSTOP);
  for (const pid_t process : processes_()) ::kill(process, SIGSTOP);  // and those born meanwhile
}

Stopped::~Stopped() {
  for (const pid_t process : processes_()) ::kill(process, SIGCONT);
}

std::function<void(const std::stop_token&)> slowed(Processes processes) {
  return [processes = std::move(processes)](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      {
        const Stopped stopped(processes);
        std::this_thread::sleep_for(90ms);
      }
      std::this_thread::sleep_for(10ms);
    }
  };
}

std::function<std::shared_ptr<Networks>()> networks(std::vector<pid_t> processes, std::string rule) {
  return [processes = std::move(processes), rule = std::move(rule)] {
    auto faults = std::make_shared<Networks>();
    for (const pid_t process : processes) faults->push_back(std::make_unique<NetworkFault>(process, rule));
    return faults;
  };
}

FullVolume::FullVolume(const std::string& folder)
    : folder_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  struct statvfs facts {};
  if (folder_ < 0 || ::fstatvfs(folder_, &facts) != 0)
    throw std::system_error(errno, std::generic_category(), folder);
  const unsigned long long bytes = 1ULL * facts.f_blocks * facts.f_frsize;
  const int file =
      bytes > kMostBytes ? -1 : ::openat(folder_, "filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) {
    ::close(folder_);
    throw std::runtime_error(folder + " of " + std::to_string(bytes) +
                             " bytes cannot be filled: only a small volume's own file system is");
  }
  const std::string block(65536, 'x');
  while (::write(file, block.data(), block.size()) > 0) {
  }
  ::close(file);
}

FullVolume::~FullVolume() {
  ::unlinkat(folder_, "filler", 0);
  ::close(folder_);
}

void press(pid_t process, const std::stop_token& stop) {
  const std::filesystem::path group = memory_group(process);
  constexpr long long kStep = 256LL * 1024;
  while (!stop.stop_requested() && std::filesystem::exists(group)) {
    long long used = 0;
    std::ifstream(group / "memory.usage_in_bytes") >> used;
    for (long long limit = kStep; limit <= used + kStep; limit += kStep) {
      std::ofstream file(group / "memory.limit_in_bytes");
      if (file << limit << std::flush) break;
    }
    std::this_thread::sleep_for(200ms);
  }
}

std::vector<pid_t> operator_processes() {
  std::vector<pid_t> all;
  for (const auto& pod :
       list_objects(operator_namespace(), "pods", "app.kubernetes.io/name=storagepool-operator")) {
    const auto found = processes_in_pod(pod.at("metadata").at("uid"), "storagepool-ope");
    all.insert(all.end(), found.begin(), found.end());
  }
  return all;
}

void kill_operator_now_and_then(const std::stop_token& stop, unsigned seed) {
  std::mt19937 random(seed);
  while (!stop.stop_requested()) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds{200 + random() % 3000};
    while (std::chrono::steady_clock::now() < until && !stop.stop_requested())
      std::this_thread::sleep_for(20ms);
    try {
      for (const pid_t process : operator_processes()) ::kill(process, SIGKILL);
    } catch (const std::exception&) {
      continue;  // the API server is away as well
    }
  }
}

std::function<std::string()> ended(const Targets& targets, const std::string& reason) {
  return [space = targets.name_space, pod = targets.pods.at(0), reason]() -> std::string {
    const auto statuses = get_object(space, "pod", pod).at("status").at("containerStatuses");
    const auto last = statuses.at(0).value("lastState", nlohmann::json::object());
    const auto ending = last.value("terminated", nlohmann::json::object());
    return ending.value("reason", "") == reason ? "" : statuses.dump();
  };
}

HttpResponse metrics_of(const std::string& name_space, const std::string& pod) {
  const std::string address = get_object(name_space, "pod", pod).at("status").at("podIP");
  auto answer =
      HttpClient(address, 9090).send({.method = "GET", .target = "/metrics", .body = {}, .headers = {}});
  if (!answer) throw std::runtime_error(pod + ": " + answer.error());
  return std::move(*answer);
}

double metric_of(const std::string& name_space, const std::string& pod, const std::string& metric) {
  const std::string all = metrics_of(name_space, pod).body;
  const auto line = all.find("\n" + metric + " ");
  if (line == std::string::npos) throw std::runtime_error(pod + " tells no " + metric);
  return std::strtod(all.c_str() + line + metric.size() + 2, nullptr);
}

::testing::AssertionResult reaches(const Targets& targets, const std::string& metric, double least,
                                   std::chrono::seconds deadline) {
  return eventually(deadline, [&]() -> std::string {
    for (const auto& pod : targets.pods) {
      const double value = metric_of(targets.name_space, pod, metric);
      if (value < least) return metric + " of " + pod + " is " + std::to_string(value);
    }
    return "";
  });
}

}  // namespace storagepool::e2e
