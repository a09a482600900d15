// Which suites of a test binary one of several processes runs. GoogleTest's own sharding deals out single
// cases, so that every process would set up every suite again, with a PostgreSQL server for each.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace storagepool::test_main {

struct Suite {
  std::string name;
  int cases = 0;
};

// The value of --gtest_filter for `shard` of `shards`. Each suite belongs to exactly one shard, the same in
// every process; the largest first to whoever has the fewest cases. REQUIRES: shard < shards.
std::string shard_filter(std::vector<Suite> suites, std::size_t shard, std::size_t shards);

}  // namespace storagepool::test_main
