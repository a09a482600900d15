#include "pool/common/runtime/cpu_limit.h"

#include <algorithm>
#include <fstream>
#include <string_view>

namespace storagepool::runtime {
namespace {

// "200000 100000" are two CPUs; "max 100000" and, in v1, "-1" are no limit.
std::optional<double> limit_in(const std::string& folder) {
  std::ifstream both(folder + "/cpu.max");
  double quota = 0;
  double period = 0;
  if (both >> quota >> period && quota > 0 && period > 0) return quota / period;
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us");
  std::ifstream period_file(folder + "/cpu.cfs_period_us");
  if (quota_file >> quota && period_file >> period && quota > 0 && period > 0) return quota / period;
  return std::nullopt;
}

// As /proc/self/cgroup has it: "0::/kubepods/x", in v1 "4:cpu,cpuacct:/kubepods/x".
std::optional<std::string> group_in(std::string_view line) {
  const std::size_t first = line.find(':');
  const std::size_t second = line.find(':', std::min(first, line.size()) + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
  const std::string controllers = "," + std::string(line.substr(first + 1, second - first - 1)) + ",";
  if (controllers != ",," && controllers.find(",cpu,") == std::string::npos) return std::nullopt;
  return std::string(line.substr(second + 1));
}

}  // namespace

std::optional<double> cpu_limit(const std::string& groups, const std::string& own_group) {
  std::optional<double> least;
  const auto look = [&](const std::string& group) {
    for (const char* hierarchy : {"", "/cpu", "/cpu,cpuacct"}) {
      const auto limit = limit_in(groups + hierarchy + group);
      if (limit) least = std::min(*limit, least.value_or(*limit));
    }
  };
  look("");  // where a container sees its own group as the topmost
  std::ifstream own(own_group);
  for (std::string line; std::getline(own, line);) {
    auto group = group_in(line);
    for (; group && group->size() > 1; group->erase(group->rfind('/'))) look(*group);
  }
  return least;
}

}  // namespace storagepool::runtime
