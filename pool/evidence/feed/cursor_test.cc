#include "pool/evidence/feed/cursor.h"

#include <gtest/gtest.h>

#include "pool/evidence/sealing/testing/batches.h"

namespace storagepool::evidence {
namespace {

using testing::entry;

FeedCursor after(std::uint64_t seq, std::uint64_t number) {
  tlog::Hasher hasher;
  return FeedCursor::after(seq, hasher.leaf(entry(number)));
}

TEST(FeedCursor, IsReadAsItWasWritten) {
  EXPECT_EQ(FeedCursor{}.write(), "1.1.0.00000000");
  EXPECT_EQ(FeedCursor::read("1.1.0.00000000"), FeedCursor{});
  for (const std::uint64_t seq : {1ULL, 17ULL, 9'223'372'036'854'775'807ULL}) {
    const FeedCursor cursor = after(seq, seq);
    EXPECT_EQ(FeedCursor::read(cursor.write()), cursor) << cursor.write();
  }
  EXPECT_EQ(FeedCursor::read("1.2.7.0badcafe"), (FeedCursor{.epoch = 2, .seq = 7, .before = "0badcafe"}));
}

TEST(FeedCursor, NothingElseIsOne) {
  for (const char* bad : {"",
                          "1",
                          "1.1",
                          "1.1.7",
                          "1.1.7.",
                          "2.1.7.0badcafe",
                          "1.0.7.0badcafe",
                          "1.-1.7.0badcafe",
                          "1.1.07.0badcafe",
                          "1.01.7.0badcafe",
                          "1.1.+7.0badcafe",
                          "1.1.7.0BADCAFE",
                          "1.1.7.0badcaf",
                          "1.1.7.0badcafe0",
                          "1.1.7.0badcafg",
                          "1.1.7.0badcafe ",
                          " 1.1.7.0badcafe",
                          "1.1.7x.0badcafe",
                          "1.1..0badcafe",
                          "1..7.0badcafe",
                          "1.1.9223372036854775808.0badcafe",
                          "1.1.18446744073709551616.0badcafe",
                          "1.1.0.0badcafe",
                          "earliest"})
    EXPECT_FALSE(FeedCursor::read(bad)) << bad;
}

TEST(FeedCursor, GoesOnBehindItsEntryAlone) {
  EXPECT_EQ(judge(FeedCursor{}, 0, ""), std::nullopt);
  EXPECT_EQ(judge(FeedCursor{}, 5, ""), std::nullopt);
  EXPECT_EQ(judge(after(5, 4), 5, entry(4)), std::nullopt);
  EXPECT_EQ(judge(after(5, 4), 9, entry(4)), std::nullopt);
}

TEST(FeedCursor, OfAnotherLogIsRefused) {
  EXPECT_EQ(judge(after(5, 4), 9, entry(14)), CursorFault::kRolledBack);
  EXPECT_EQ(judge(after(6, 5), 5, ""), CursorFault::kBeyond);
  FeedCursor later = after(5, 4);
  later.epoch = 2;
  EXPECT_EQ(judge(later, 9, entry(4)), CursorFault::kRolledBack);
}

}  // namespace
}  // namespace storagepool::evidence
