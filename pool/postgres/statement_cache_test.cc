#include "pool/postgres/statement_cache.h"

#include <gtest/gtest.h>

namespace storagepool::postgres {
namespace {

void add(StatementCache& cache, std::string_view sql) {
  cache.insert(sql, cache.next_name());
}

TEST(StatementCache, FindsWhatWasInserted) {
  StatementCache cache(2);
  EXPECT_FALSE(cache.find("SELECT 1"));
  add(cache, "SELECT 1");
  EXPECT_EQ(cache.find("SELECT 1"), "s1");
}

TEST(StatementCache, EvictsTheLeastRecentlyUsed) {
  StatementCache cache(2);
  add(cache, "a");
  add(cache, "b");
  EXPECT_FALSE(cache.evict(0));
  ASSERT_TRUE(cache.find("a"));
  EXPECT_EQ(cache.evict(1), "s2");
  EXPECT_FALSE(cache.evict(1));
  EXPECT_TRUE(cache.find("a"));
  EXPECT_FALSE(cache.find("b"));
}

TEST(StatementCache, ShrinksToItsNewCapacity) {
  StatementCache cache(3);
  for (const auto* sql : {"a", "b", "c"}) add(cache, sql);
  cache.set_capacity(1);
  EXPECT_EQ(cache.evict(0), "s1");
  EXPECT_EQ(cache.evict(0), "s2");
  EXPECT_FALSE(cache.evict(0));
  cache.set_capacity(0);
  EXPECT_EQ(cache.evict(1), "s3");
  EXPECT_FALSE(cache.evict(1));
}

TEST(StatementCache, NeverReusesAName) {
  StatementCache cache(2);
  add(cache, "a");
  cache.erase("a");
  EXPECT_EQ(cache.size(), 0u);
  add(cache, "a");
  EXPECT_EQ(cache.find("a"), "s2");
}

}  // namespace
}  // namespace storagepool::postgres
