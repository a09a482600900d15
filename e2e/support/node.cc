#include "e2e/support/node.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>

#include "e2e/support/process.h"

namespace storagepool::e2e {
namespace {

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

pid_t find_process(const std::string& what, const std::function<bool(const std::filesystem::path&)>& is_it) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") == std::string::npos && is_it(entry.path()))
      return std::stoi(name);
  }
  throw std::runtime_error("no process of " + what +
                           " on this machine: the scenario wants hack/cluster's node");
}

}  // namespace

pid_t process_in_pod(const std::string& uid, const std::string& program) {
  return find_process(program + " in pod " + uid, [&](const std::filesystem::path& process) {
    return contents(process / "comm") == program + "\n" &&
           contents(process / "cgroup").find(uid) != std::string::npos;
  });
}

pid_t kubelet_process() {
  const char* config = std::getenv("KUBECONFIG");
  const std::string work = std::filesystem::path(config == nullptr ? "" : config).parent_path();
  return find_process("the kubelet of " + work, [&](const std::filesystem::path& process) {
    return contents(process / "comm") == "kubelet\n" &&
           contents(process / "cmdline").find("--config=" + work + "/") != std::string::npos;
  });
}

NetworkFault::NetworkFault(pid_t process, const std::string& match) : process_(process) {
  const std::string drop = match.empty() ? "drop" : match + " drop";
  std::string rules =
      "table inet chaos {\n chain out { type filter hook output priority 0; " + drop + "; }\n";
  if (match.empty()) rules += " chain in { type filter hook input priority 0; drop; }\n";
  const Result done =
      run({"nsenter", "--net=/proc/" + std::to_string(process) + "/ns/net", "nft", "-f", "-"}, rules + "}\n");
  if (!done.ok()) throw std::runtime_error("nft: " + done.err);
}

void NetworkFault::end() {
  if (ended_) return;
  ended_ = true;
  const std::string space = "/proc/" + std::to_string(process_) + "/ns/net";
  if (std::filesystem::exists(space))
    run({"nsenter", "--net=" + space, "nft", "delete", "table", "inet", "chaos"});
}

}  // namespace storagepool::e2e
