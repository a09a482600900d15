#include "pool/common/test_main/shard.h"

#include <algorithm>
#include <tuple>

namespace storagepool::test_main {

std::string shard_filter(std::vector<Suite> suites, std::size_t shard, std::size_t shards) {
  std::sort(suites.begin(), suites.end(), [](const Suite& a, const Suite& b) {
    return std::tie(b.cases, a.name) < std::tie(a.cases, b.name);
  });
  std::vector<int> cases(shards, 0);
  std::string filter;
  for (const Suite& suite : suites) {
    const auto fewest = std::min_element(cases.begin(), cases.end());
    *fewest += suite.cases;
    if (fewest - cases.begin() != static_cast<std::ptrdiff_t>(shard)) continue;
    filter += (filter.empty() ? "" : ":") + suite.name + ".*";
  }
  return filter.empty() ? "-*" : filter;
}

}  // namespace storagepool::test_main
