#include "pool/common/test_main/shard.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace storagepool::test_main {
namespace {

TEST(ShardFilter, NamesAllSuitesForASingleShard) {
  EXPECT_EQ(shard_filter({{"A", 1}, {"B", 2}}, 0, 1), "B.*:A.*");
}

TEST(ShardFilter, GivesTheNextLargestToWhoeverHasTheFewestCases) {
  const std::vector<Suite> suites = {{"Small", 1}, {"Large", 9}, {"Middle", 5}, {"Other/Middle", 5}};
  EXPECT_EQ(shard_filter(suites, 0, 2), "Large.*:Small.*");
  EXPECT_EQ(shard_filter(suites, 1, 2), "Middle.*:Other/Middle.*");
}

TEST(ShardFilter, DependsOnNoOrderOfRegistration) {
  EXPECT_EQ(shard_filter({{"A", 3}, {"B", 3}, {"C", 3}}, 1, 3),
            shard_filter({{"C", 3}, {"B", 3}, {"A", 3}}, 1, 3));
}

TEST(ShardFilter, RunsNothingWhereThereAreFewerSuitesThanShards) {
  EXPECT_EQ(shard_filter({{"A", 1}}, 1, 2), "-*");
}

}  // namespace
}  // namespace storagepool::test_main
