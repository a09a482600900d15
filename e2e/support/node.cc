#include "e2e/support/node.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "e2e/support/process.h"

namespace storagepool::e2e {
namespace {

// Fields of proc(5)'s stat, counted after the name in parentheses: the process's parent, and when it began in
// the kernel's ticks.
constexpr int kParent = 2;
constexpr int kBegan = 20;

unsigned long long number_of(const std::filesystem::path& process, int nth) {
  const std::string stat = contents_of(process / "stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));
  std::string field;
  for (int i = 0; i < nth; ++i) fields >> field;
  return field.empty() ? 0 : std::strtoull(field.c_str(), nullptr, 10);
}

// Of the cluster of $KUBECONFIG.
std::string work_folder() {
  const char* config = std::getenv("KUBECONFIG");
  return std::filesystem::path(config == nullptr ? "" : config).parent_path();
}

std::vector<pid_t> find_processes(const std::function<bool(const std::filesystem::path&)>& is_it) {
  std::vector<std::pair<unsigned long long, pid_t>> by_age;  // numbers come round again
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") == std::string::npos && is_it(entry.path()))
      by_age.emplace_back(number_of(entry.path(), kBegan), std::stoi(name));
  }
  std::ranges::sort(by_age);
  std::vector<pid_t> found;
  for (const auto& [began, process] : by_age) found.push_back(process);
  return found;
}

pid_t first(const std::vector<pid_t>& found, const std::string& what) {
  if (!found.empty()) return found.front();
  throw std::runtime_error("no process of " + what +
                           " on this machine: the scenario wants hack/cluster's node");
}

}  // namespace

std::string contents_of(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

std::vector<pid_t> processes_in_pod(const std::string& uid, const std::string& program) {
  return find_processes([&](const std::filesystem::path& process) {
    return contents_of(process / "comm") == program + "\n" &&
           contents_of(process / "cgroup").find(uid) != std::string::npos;
  });
}

pid_t process_in_pod(const std::string& uid, const std::string& program) {
  return first(processes_in_pod(uid, program), program + " in pod " + uid);
}

std::vector<pid_t> container_processes() {
  const std::string socket = work_folder() + "/containerd.sock";
  const auto shims = find_processes([&](const std::filesystem::path& process) {
    return contents_of(process / "comm") == "containerd-shim\n" &&
           contents_of(process / "cmdline").find(socket) != std::string::npos;
  });
  const auto is_shim = [&](pid_t process) { return std::ranges::find(shims, process) != shims.end(); };
  return find_processes([&](const std::filesystem::path& process) {
    return is_shim(std::stoi(process.filename())) || is_shim(static_cast<pid_t>(number_of(process, kParent)));
  });
}

pid_t node_process(const std::string& program) {
  const std::string work = work_folder();
  return first(find_processes([&](const std::filesystem::path& process) {
                 return contents_of(process / "comm") == program + "\n" &&
                        contents_of(process / "cmdline").find("=" + work + "/") != std::string::npos;
               }),
               program + " of " + work);
}

std::string memory_volume(const std::string& uid, const std::string& volume) {
  const std::string end = uid + "/volumes/kubernetes.io~empty-dir/" + volume;
  // The node has mounts of its own.
  const std::string kubelet = "/proc/" + std::to_string(node_process("kubelet"));
  std::ifstream mounts(kubelet + "/mounts");
  for (std::string device, folder, rest; mounts >> device >> folder && std::getline(mounts, rest);) {
    if (folder.ends_with(end)) return kubelet + "/root" + folder;
  }
  throw std::runtime_error("no mounted volume " + end);
}

std::string memory_group(pid_t process) {
  std::ifstream groups("/proc/" + std::to_string(process) + "/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const auto found = line.find(":memory:");
    if (found != std::string::npos) return "/sys/fs/cgroup/memory" + line.substr(found + 8);
  }
  throw std::runtime_error("no control group of memory (cgroup v1) of process " + std::to_string(process));
}

NetworkSpace::NetworkSpace(pid_t process)
    : fd_(::open(("/proc/" + std::to_string(process) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC)) {
  if (fd_ < 0) throw std::runtime_error("no network namespace of process " + std::to_string(process));
}

NetworkSpace::~NetworkSpace() {
  ::close(fd_);
}

bool NetworkSpace::enter() const {
  return ::setns(fd_, CLONE_NEWNET) == 0;
}

std::vector<std::string> NetworkSpace::inside(std::vector<std::string> command) const {
  const std::string held = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_);
  command.insert(command.begin(), {"nsenter", "--net=" + held});
  return command;
}

NetworkFault::NetworkFault(pid_t process, const std::string& rule) : space_(process) {
  static std::atomic<int> faults_so_far{0};
  table_ = "chaos_" + std::to_string(++faults_so_far);
  std::string rules = "table ip " + table_ + " {\n chain out { type filter hook output priority 0; " +
                      (rule.empty() ? "drop" : rule) + "; }\n";
  if (rule.empty()) rules += " chain in { type filter hook input priority 0; drop; }\n";
  const Result done = run(space_.inside({"nft", "-f", "-"}), rules + "}\n");
  if (!done.ok()) throw std::runtime_error("nft: " + done.err);
}

void NetworkFault::end() {
  if (ended_) return;
  ended_ = true;
  run(space_.inside({"nft", "delete", "table", "ip", table_}));
}

NarrowNetwork::NarrowNetwork(pid_t process) : space_(process) {
  const Result done = run(space_.inside({"tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate",
                                         "500kbit", "burst", "5kb", "latency", "300ms"}));
  if (!done.ok()) throw std::runtime_error("tc: " + done.err);
}

void NarrowNetwork::end() {
  if (ended_) return;
  ended_ = true;
  run(space_.inside({"tc", "qdisc", "del", "dev", "eth0", "root"}));
}

}  // namespace storagepool::e2e
