#include "pool/evidence/proving/chain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/event/uuid.h"
#include "pool/evidence/testing/vectors.h"

namespace storagepool::evidence {
namespace {

using ::testing::HasSubstr;
using Kind = Logged::Kind;

constexpr std::int64_t kBatch = std::int64_t{1} << 50;
// So many ids of batches does a millisecond have.
constexpr std::int64_t kMillisecond = std::int64_t{1000} << 12;

class ChainTest : public ::testing::Test {
 protected:
  event::Event event(int number) const {
    event::Event event = evidence::testing::fullest();
    event.correlation_id = "c";
    event.event_id.replace(34, 2, number < 10 ? "0" + std::to_string(number) : std::to_string(number));
    return event;
  }
  std::string entry_of(const event::Event& event) {
    std::string entry;
    writer_.append(entry, event);
    return entry;
  }
  Logged logged(const event::Event& event, Kind kind = Kind::kProven) {
    return {.kind = kind, .entry = entry_of(event)};
  }
  Entry read(const event::Event& event) { return *Entry::read(entry_of(event)); }
  void take(int number, Kind kind = Kind::kProven) {
    chain_.take(event(number), kBatch + number, logged(event(number), kind));
  }

  const Keys keys_ = make_keys("abcdefghijklmnopqrstuvwxyz012345");
  EntryWriter writer_{keys_};
  Chain chain_{keys_, "c"};
  tlog::Hasher hasher_;
  const runtime::Timestamp before_ = event(1).event_timestamp + std::chrono::days{29};
  const runtime::Timestamp after_ = event(1).event_timestamp + std::chrono::days{30};
};

TEST_F(ChainTest, OfNothingIsValid) {
  EXPECT_TRUE(chain_.report().is_valid());
  EXPECT_EQ(chain_.batches(), std::nullopt);
}

TEST_F(ChainTest, KnowsEntriesOfAnEarlierKey) {
  Keys keys = make_keys("another seed of thirty-two bytes");
  keys.earlier.push_back(keys_);
  Chain chain(keys, "c");
  EXPECT_EQ(chain.tags().size(), 2U);
  chain.take(event(2), kBatch, logged(event(2)));
  EXPECT_EQ(chain.report().verified, 1);
  EXPECT_TRUE(chain.is_wanted(read(event(1)), before_));
}

TEST_F(ChainTest, CountsWhatIsAsItWasStored) {
  take(3, Kind::kPending);
  take(2);
  chain_.take(event(1), {}, {});
  const ChainReport& report = chain_.report();
  EXPECT_TRUE(report.is_valid());
  EXPECT_EQ(report.total, 3);
  EXPECT_EQ(report.verified, 2);
  EXPECT_EQ(report.pending, 1);
  EXPECT_EQ(report.skipped, 1);
}

TEST_F(ChainTest, TellsAnAlteredEventWithItsHashesAndThatOfTheOneBefore) {
  take(4);
  event::Event changed = event(3);
  changed.actor_id = "nobody";
  chain_.take(changed, kBatch, logged(event(3)));
  take(2);
  take(1);
  const ChainReport& report = chain_.report();
  EXPECT_FALSE(report.is_valid());
  EXPECT_EQ(report.verified, 3);
  ASSERT_EQ(report.tampered.size(), 1U);
  const TamperedEvent& told = report.tampered[0];
  EXPECT_EQ(told.event_id, changed.event_id);
  EXPECT_EQ(told.expected, hasher_.leaf(entry_of(changed)));
  EXPECT_EQ(told.actual, hasher_.leaf(entry_of(event(3))));
  EXPECT_EQ(told.previous, hasher_.leaf(entry_of(event(2))));
  EXPECT_THAT(told.message, HasSubstr("not as it was stored"));
}

TEST_F(ChainTest, TheFirstEventHasNoneBefore) {
  event::Event changed = event(1);
  changed.retention_days = 70'000;
  chain_.take(changed, kBatch, logged(event(1)));
  ASSERT_EQ(chain_.report().tampered.size(), 1U);
  EXPECT_EQ(chain_.report().tampered[0].expected, std::nullopt) << "no pod can have stored it";
  EXPECT_EQ(chain_.report().tampered[0].previous, std::nullopt);
}

TEST_F(ChainTest, WhatTheLogCannotProveIsTamperedWithByItsWords) {
  chain_.take(event(1), kBatch, {.kind = Kind::kBroken, .fault = "its batch is not there"});
  ASSERT_EQ(chain_.report().tampered.size(), 1U);
  EXPECT_EQ(chain_.report().tampered[0].message, "its batch is not there");
  EXPECT_EQ(chain_.report().tampered[0].actual, std::nullopt);
  // Though its entry is the same: the log's tables have it where the log has not.
  Logged broken = logged(event(2), Kind::kBroken);
  broken.fault = "the tables do not lead to the checkpoint's root hash";
  chain_.take(event(2), kBatch, broken);
  EXPECT_EQ(chain_.report().tampered.size(), 2U);
}

TEST_F(ChainTest, BatchesAreThoseOfItsEventsAndTenMinutesMore) {
  take(2);
  chain_.take(event(1), kBatch + 600'000 * kMillisecond, logged(event(1)));
  EXPECT_EQ(chain_.batches(),
            std::pair(kBatch + 2 - 600'000 * kMillisecond, kBatch + 1'200'000 * kMillisecond));
  chain_.take(event(3), std::numeric_limits<std::int64_t>::max(), logged(event(3)));
  chain_.take(event(4), 0, logged(event(4)));
  EXPECT_EQ(chain_.batches(), std::pair(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()));
}

TEST_F(ChainTest, AnEntryWhoseEventIsGoneIsMissingUntilItExpires) {
  take(1);
  EXPECT_FALSE(chain_.is_wanted(read(event(1)), before_)) << "it is there";
  EXPECT_FALSE(chain_.is_wanted(read(event(2)), after_)) << "it has expired";
  ASSERT_TRUE(chain_.is_wanted(read(event(3)), before_));
  chain_.found(read(event(3)), {}, {}, logged(event(3)));
  EXPECT_FALSE(chain_.is_wanted(read(event(3)), before_)) << "once";
  event::Event other = event(4);
  other.correlation_id = "d";
  EXPECT_FALSE(chain_.is_wanted(read(other), before_)) << "of another correlation";
  EXPECT_EQ(chain_.report().missing, 1);
  EXPECT_FALSE(chain_.report().is_valid());
}

TEST_F(ChainTest, WhatCameMeanwhileCounts) {
  take(1);
  ASSERT_TRUE(chain_.is_wanted(read(event(2)), before_));
  chain_.found(read(event(2)), event(2), kBatch, logged(event(2)));
  EXPECT_TRUE(chain_.report().is_valid());
  EXPECT_EQ(chain_.report().verified, 2);
}

TEST_F(ChainTest, AnEventThatWasMovedToAnotherCorrelationIsTold) {
  take(1);
  event::Event moved = event(2);
  moved.correlation_id = "elsewhere";
  ASSERT_TRUE(chain_.is_wanted(read(event(2)), before_));
  chain_.found(read(event(2)), moved, kBatch, logged(event(2)));
  ASSERT_EQ(chain_.report().tampered.size(), 1U);
  EXPECT_THAT(chain_.report().tampered[0].message, HasSubstr("now of another"));
  EXPECT_EQ(chain_.report().tampered[0].actual, hasher_.leaf(entry_of(event(2))));
}

TEST_F(ChainTest, AnEventWhoseRowDoesNotTellOfItsEntryIsTold) {
  chain_.take(event(1), {}, {});
  EXPECT_TRUE(chain_.report().is_valid());
  EXPECT_FALSE(chain_.is_wanted(read(event(1)), before_));
  EXPECT_EQ(chain_.report().skipped, 0);
  ASSERT_EQ(chain_.report().tampered.size(), 1U);
  EXPECT_EQ(chain_.report().tampered[0].event_id, event(1).event_id);
}

TEST_F(ChainTest, ListsNoMoreThanItsBound) {
  for (std::size_t i = 0; i < kMaxTampered + 5; ++i)
    chain_.take(event(1), kBatch, {.kind = Kind::kBroken, .fault = "x"});
  EXPECT_EQ(chain_.report().tampered.size(), kMaxTampered);
  EXPECT_EQ(chain_.report().more_tampered, 5);
  EXPECT_EQ(chain_.report().total, static_cast<std::int64_t>(kMaxTampered) + 5);
}

}  // namespace
}  // namespace storagepool::evidence
