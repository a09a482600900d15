#include "pool/evidence/auditing/progress.h"

#include <gtest/gtest.h>

#include "pool/common/tlog/tlog.h"

namespace storagepool::evidence {
namespace {

using namespace std::chrono_literals;
using Phase = AuditProgress::Phase;

const Keys kKeys = make_keys("abcdefghijklmnopqrstuvwxyz012345");

AuditProgress example() {
  AuditProgress progress{.phase = Phase::kRows,
                         .began = runtime::Timestamp(1us),
                         .stepped = runtime::Timestamp(-2us),
                         .pod = 3,
                         .log_began = runtime::Timestamp(4us),
                         .size = 5,
                         .at = 6,
                         .log_is_altered = true,
                         .blocks = 7,
                         .blocks_read = 8,
                         .heap = {.partition = 9, .block = 10, .offset = 11},
                         .missing = 12,
                         .altered_by_key = 13,
                         .altered_in_heap = 14,
                         .unlogged = 15,
                         .without_batch = 16,
                         .late = 17};
  tlog::Hasher hasher;
  std::vector<tlog::LevelNode> full;
  for (const char* leaf : {"a", "b", "c"}) progress.frontier.append(hasher, hasher.leaf(leaf), full);
  return progress;
}

TEST(AuditProgressText, ReadsAsItWasWritten) {
  AuditProgress progress = example();
  EXPECT_EQ(progress.write().substr(0, 41), "1 1 1 -2 3 4 5 6 1 7 8 9 10 11 12 13 14 1");
  EXPECT_EQ(AuditProgress::read(progress.write()), progress);
  progress.last = FullAudit{.began = runtime::Timestamp(20us),
                            .ended = runtime::Timestamp(21us),
                            .entries = 22,
                            .missing = 23,
                            .altered = 24,
                            .unlogged = 25,
                            .without_batch = 26,
                            .late = 27};
  const auto read = AuditProgress::read(progress.write());
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, progress);
  EXPECT_EQ(read->last, progress.last);
  EXPECT_EQ(read->frontier.bytes(), progress.frontier.bytes());
  EXPECT_EQ(AuditProgress::read(AuditProgress{}.write()), AuditProgress{});
}

TEST(AuditProgressText, OtherTextsAreNone) {
  const std::string good = example().write();
  EXPECT_FALSE(AuditProgress::read(""));
  EXPECT_FALSE(AuditProgress::read("2" + good.substr(1)));
  EXPECT_FALSE(AuditProgress::read(good + " 1"));
  EXPECT_FALSE(AuditProgress::read(good.substr(0, good.size() - 2)));
  EXPECT_FALSE(AuditProgress::read("1 3" + good.substr(3))) << "there is no such phase";
  for (std::size_t at = 0; at < good.size(); ++at) AuditProgress::read(good.substr(0, at));
}

TEST(AuditProgressMac, IsOfTheTextTheKeyAndTheDatabase) {
  ProgressMac mac(kKeys, "audit");
  const std::string text = example().write();
  EXPECT_TRUE(mac.is_of(text, mac.of(text)));
  EXPECT_FALSE(mac.is_of(text + " ", mac.of(text)));
  EXPECT_FALSE(mac.is_of(text, ""));
  EXPECT_FALSE(mac.is_of(text, ProgressMac(kKeys, "another").of(text)));
  const Keys other = make_keys("another seed of thirty-two bytes");
  EXPECT_FALSE(mac.is_of(text, ProgressMac(other, "audit").of(text)));
}

TEST(AuditProgressMac, OfAnEarlierKeyIsKnown) {
  Keys keys = make_keys("another seed of thirty-two bytes");
  keys.earlier.push_back(kKeys);
  const std::string text = example().write();
  EXPECT_TRUE(ProgressMac(keys, "audit").is_of(text, ProgressMac(kKeys, "audit").of(text)));
  EXPECT_FALSE(ProgressMac(kKeys, "audit").is_of(text, ProgressMac(keys, "audit").of(text)));
}

TEST(AuditPass, RemembersTheOneBefore) {
  AuditProgress before = example();
  before.last.emplace().missing = 3;
  const AuditProgress pass = begin_pass(before, runtime::Timestamp(100us), 50, runtime::Timestamp(90us), 8);
  EXPECT_EQ(pass.phase, Phase::kEntries);
  EXPECT_EQ(pass.size, 50);
  EXPECT_EQ(pass.at, 0);
  EXPECT_EQ(pass.missing, 0);
  EXPECT_EQ(pass.heap, HeapPlace{});
  EXPECT_EQ(pass.last, before.last);
}

TEST(AuditPass, CountsWhatItFinds) {
  AuditProgress pass;
  for (const Finding finding : {Finding::kFine, Finding::kMissing, Finding::kAltered, Finding::kAltered})
    pass.count(finding);
  pass.phase = Phase::kRows;
  for (const Finding finding :
       {Finding::kAltered, Finding::kUnlogged, Finding::kWithoutBatch, Finding::kLate})
    pass.count(finding);
  EXPECT_EQ(end_pass(pass, runtime::Timestamp(9us)), 1);
  EXPECT_EQ(pass.phase, Phase::kEnded);
  EXPECT_EQ(pass.last, (FullAudit{.began = {},
                                  .ended = runtime::Timestamp(9us),
                                  .entries = 0,
                                  .missing = 1,
                                  .altered = 2,  // the event of the heap is one of them
                                  .unlogged = 2,
                                  .without_batch = 2,
                                  .late = 1}));
}

// While the key of the log was missing, events got no entries: that is told once, and stays so for years.
TEST(AuditPass, TellsOfLateEventsWithoutABatchOnce) {
  AuditProgress pass;
  const auto ends_with = [&](std::int64_t late) {
    pass = begin_pass(pass, {}, 1, {}, 1);
    pass.phase = Phase::kRows;
    pass.late = pass.without_batch = late;
    const std::int64_t more = end_pass(pass, {});
    EXPECT_EQ(pass.last->unlogged, more);
    return more;
  };
  EXPECT_EQ(ends_with(4), 4);
  EXPECT_EQ(ends_with(4), 0);
  EXPECT_EQ(ends_with(5), 1);
  EXPECT_EQ(ends_with(2), 0) << "some have expired";
  EXPECT_EQ(ends_with(3), 1);
}

}  // namespace
}  // namespace storagepool::evidence
