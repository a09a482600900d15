#include "pool/evidence/auditing/compare.h"

#include <gtest/gtest.h>

#include "pool/event/testing/smallest_event.h"
#include "pool/event/uuid.h"

namespace storagepool::evidence {
namespace {

using namespace std::chrono_literals;

constexpr const char* kSeed = "abcdefghijklmnopqrstuvwxyz012345";
constexpr const char* kTime = "2026-02-28T11:22:33Z";

class CompareTest : public ::testing::Test {
 protected:
  static event::Event make(const std::string& time = kTime) {
    const auto at = *runtime::parse_timestamp(time);
    return event::testing::smallest_event(event::new_event_id(at), time);
  }
  std::string entry_of(const event::Event& event) {
    std::string entry;
    writer_.append(entry, event);
    return entry;
  }
  Finding judge(const AuditedRow& row, const BatchEntries& batch, runtime::Timestamp log_began = {}) {
    return judge_row(row, batch, log_began, writer_);
  }

  EntryWriter writer_{make_keys(kSeed)};
  const event::Event event_ = make();
  const std::string entry_ = entry_of(event_);
};

TEST_F(CompareTest, AnEntryFindsItsRowAsItWasStored) {
  const AuditedRow row{.event = event_, .batch = 7};
  EXPECT_EQ(judge_entry(entry_, &row, writer_), Finding::kFine);
  EXPECT_EQ(judge_entry(entry_, nullptr, writer_), Finding::kMissing);
}

TEST_F(CompareTest, AnEntryFindsARowThatIsAnother) {
  AuditedRow row{.event = event_, .batch = 7};
  row.event->actor_id = "nobody";
  EXPECT_EQ(judge_entry(entry_, &row, writer_), Finding::kAltered);
  const AuditedRow hidden{.event = event_};
  EXPECT_EQ(judge_entry(entry_, &hidden, writer_), Finding::kAltered) << "it does not tell of its entry";
  const AuditedRow unreadable{.batch = 7};
  EXPECT_EQ(judge_entry(entry_, &unreadable, writer_), Finding::kAltered);
}

TEST_F(CompareTest, ARowFindsItsEntryAmongThoseOfItsBatch) {
  const event::Event other = make();
  const BatchEntries batch(entry_of(other) + entry_);
  EXPECT_EQ(judge({.event = event_, .batch = 7}, batch), Finding::kFine);
  EXPECT_EQ(judge({.event = other, .batch = 7}, batch), Finding::kFine);
  EXPECT_EQ(batch.find("nonsense"), "");
}

TEST_F(CompareTest, ARowWithoutAnEntryIsUnlogged) {
  EXPECT_EQ(judge({.event = make(), .batch = 7}, BatchEntries(entry_)), Finding::kUnlogged);
  EXPECT_EQ(judge({.event = event_, .batch = 7}, {}), Finding::kUnlogged) << "no pod has written the batch";
  EXPECT_EQ(judge({.event = event_, .batch = 7}, BatchEntries("x" + entry_)), Finding::kUnlogged);
  AuditedRow copy{.event = event_, .batch = 7};
  copy.event->event_timestamp += 1s;
  EXPECT_EQ(judge(copy, BatchEntries(entry_)), Finding::kUnlogged) << "a copy of it at another time";
}

TEST_F(CompareTest, ARowThatIsAnotherThanItsEntryIsAltered) {
  AuditedRow row{.event = event_, .batch = 7};
  row.event->actor_id = "nobody";
  EXPECT_EQ(judge(row, BatchEntries(entry_)), Finding::kAltered);
  EXPECT_EQ(judge({.batch = 7}, BatchEntries(entry_)), Finding::kAltered) << "it cannot be read";
}

TEST_F(CompareTest, ARowThatNamesNoBatchIsOldOrLate) {
  const auto at = event_.event_timestamp;
  EXPECT_EQ(judge({.event = event_}, BatchEntries(entry_), at), Finding::kWithoutBatch);
  EXPECT_EQ(judge({.event = event_}, BatchEntries(entry_), at - 1us), Finding::kLate);
}

TEST_F(CompareTest, WhatHasExpiredIsNotWanted) {
  const Entry entry = Entry::read(entry_).value();
  const auto expires = entry.event_timestamp + entry.retention;
  EXPECT_TRUE(Wanted(expires - Wanted::kMargin - 1us, {})(entry));
  EXPECT_FALSE(Wanted(expires - Wanted::kMargin, {})(entry)) << "clocks differ";
  EXPECT_FALSE(Wanted(expires + 1h, {})(entry));
}

TEST_F(CompareTest, WhatALegalHoldKeepsIsWanted) {
  const Entry entry = Entry::read(entry_).value();
  const auto expires = entry.event_timestamp + entry.retention;
  const auto held_since = [&](runtime::Timestamp since) {
    return Wanted(expires + 1000h, {{writer_.tag(event_.correlation_id), since}})(entry);
  };
  EXPECT_TRUE(held_since(expires - 2h));
  EXPECT_FALSE(held_since(expires)) << "it may have gone by then";
  EXPECT_FALSE(Wanted(expires + 1h, {{writer_.tag("another"), entry.event_timestamp}})(entry));
}

}  // namespace
}  // namespace storagepool::evidence
