#include "e2e/peers/operator/world/reading.h"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "operator/manager/testing/scrape.h"

namespace storagepool::peers {
namespace {

using manager::testing::Labels;

constexpr double kMib = 1 << 20;
constexpr const char* kUsersPatch = "PATCH storagepools";

std::string label(const Labels& labels, std::string_view name) {
  const auto found = labels.find(name);
  return found == labels.end() ? std::string() : found->second;
}

}  // namespace

Writes writes_in(std::string_view metrics) {
  static const std::set<std::string> kVerbs{"APPLY", "PATCH", "POST", "PUT", "DELETE", "DELETECOLLECTION"};
  static const std::set<std::string> kOthers{"PATCH statefulsets/status", "POST pods", "PATCH pods/status",
                                             "POST storagepools", "POST ipaddresses"};
  Writes writes;
  manager::testing::each_sample(metrics, "apiserver_request_total", [&](const Labels& labels, double value) {
    const std::string verb = label(labels, "verb");
    const std::string resource = label(labels, "resource");
    const std::string subresource = label(labels, "subresource");
    if (!kVerbs.contains(verb) || resource == "leases" || !label(labels, "dry_run").empty()) return;
    const std::string what = verb + " " + resource + (subresource.empty() ? "" : "/" + subresource);
    if (!kOthers.contains(what)) writes[what] += static_cast<std::int64_t>(value);
  });
  return writes;
}

nlohmann::json figures(const Reading& before, const Reading& after, const Memory& memory, int patches) {
  Writes writes = after.writes;
  for (const auto& [what, count] : before.writes) writes[what] -= count;
  writes[kUsersPatch] -= patches;
  std::erase_if(writes, [](const auto& entry) { return entry.second == 0; });
  std::int64_t sum = 0;
  for (const auto& [what, count] : writes) sum += count;
  const double took = seconds(after.at - before.at);
  const auto looks = after.looks - before.looks;
  return {{"seconds", took},
          {"reconciles", looks},
          {"reconciles_per_second", static_cast<double>(looks) / took},
          {"cpu_seconds", after.cpu_seconds - before.cpu_seconds},
          {"rss_mib", memory.now_mib},
          {"rss_peak_mib", memory.peak_mib},
          {"bytes", after.bytes - before.bytes},
          {"writes", sum},
          {"writes_by", writes}};
}

double cpu_seconds_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

Memory memory_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  Memory memory;
  for (std::string line; std::getline(file, line);) {
    const auto kib = [&line] { return std::stod(line.substr(line.find(':') + 1)); };
    if (line.starts_with("VmRSS:")) memory.now_mib = kib() * 1024 / kMib;
    if (line.starts_with("VmHWM:")) memory.peak_mib = kib() * 1024 / kMib;
  }
  return memory;
}

void forget_peak(pid_t pid) {
  std::ofstream("/proc/" + std::to_string(pid) + "/clear_refs") << 5;
}

}  // namespace storagepool::peers
