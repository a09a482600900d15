#include "pool/workspaces/cache.h"

#include <gtest/gtest.h>

namespace storagepool::workspaces {
namespace {

using namespace std::chrono_literals;
using Look = Cache::Look;

const Cache::TimePoint kNow{1h};

TEST(WorkspaceCache, BelievesAnEntryForAWhile) {
  Cache cache(10, 2s);
  EXPECT_EQ(cache.look("a", kNow), Look::kMiss);
  cache.put("a", "1", kNow);
  EXPECT_EQ(cache.look("a", kNow + 1999ms), Look::kFresh);
  EXPECT_EQ(cache.look("b", kNow), Look::kMiss);
}

TEST(WorkspaceCache, SendsOneCallerToAskAboutAStaleEntry) {
  Cache cache(10, 2s);
  cache.put("a", "1", kNow);
  EXPECT_EQ(cache.look("a", kNow + 2s), Look::kStale);
  EXPECT_EQ(cache.look("a", kNow + 2s), Look::kFresh);
  EXPECT_EQ(cache.look("a", kNow + 4s), Look::kStale);  // that caller found out nothing
  cache.checked("a", kNow + 5s);
  EXPECT_EQ(cache.look("a", kNow + 6s), Look::kFresh);
  EXPECT_EQ(cache.look("a", kNow + 7s), Look::kStale);
}

TEST(WorkspaceCache, AsksAboutAnExpiredEntryAtOnce) {
  Cache cache(10, 2s);
  cache.put("a", "1", kNow);
  cache.expire("a");
  cache.expire("b");
  EXPECT_EQ(cache.look("a", kNow), Look::kStale);
  EXPECT_EQ(cache.look("a", kNow), Look::kFresh);
  EXPECT_EQ(cache.look("b", kNow), Look::kMiss);
}

TEST(WorkspaceCache, TellsAWorkspaceFromALaterOneOfItsName) {
  Cache cache(10, 2s);
  EXPECT_FALSE(cache.known("a", "1"));
  cache.put("a", "1", kNow);
  EXPECT_TRUE(cache.known("a", "1"));
  EXPECT_FALSE(cache.known("a", "2"));
}

TEST(WorkspaceCache, Forgets) {
  Cache cache(10, 2s);
  cache.put("a", "1", kNow);
  cache.erase("a");
  cache.erase("a");
  cache.checked("a", kNow);
  EXPECT_EQ(cache.look("a", kNow), Look::kMiss);
  EXPECT_EQ(cache.size(), 0U);
}

TEST(WorkspaceCache, KeepsTheRecentlyUsedWhenItIsFull) {
  Cache cache(3, 2s);
  for (const char* name : {"a", "b", "c"}) cache.put(name, "1", kNow);
  EXPECT_EQ(cache.look("a", kNow), Look::kFresh);
  cache.put("d", "1", kNow);
  EXPECT_EQ(cache.size(), 3U);
  EXPECT_EQ(cache.look("b", kNow), Look::kMiss);
  EXPECT_EQ(cache.look("a", kNow), Look::kFresh);
  cache.put("a", "2", kNow);  // in place of itself
  EXPECT_EQ(cache.size(), 3U);
  EXPECT_EQ(cache.look("c", kNow), Look::kFresh);
}

}  // namespace
}  // namespace storagepool::workspaces
