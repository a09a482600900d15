// Units of many workspaces in one journal.
#include <gmock/gmock.h>

#include "pool/journal/testing/journal_fixture.h"

namespace storagepool::journal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::numbered_unit;
using testing::run;

class JournalWorkspacesTest : public testing::JournalTest {
 protected:
  JournalWorkspacesTest() { open(); }

  static Take of(const std::string& workspace, std::int64_t after = 0) {
    return {.workspace = workspace, .max_events = 1000, .max_bytes = 1 << 20, .after = after};
  }
  std::vector<std::string> ids_of(const Take& take) {
    std::vector<std::string> ids;
    for (const Unit& unit : next(take)) ids.push_back(unit.events.at(0).event_id);
    return ids;
  }
  std::vector<std::string> names() {
    std::vector<std::string> names;
    for (const WaitingWorkspace& workspace : waiting()) names.push_back(workspace.workspace);
    return names;
  }
};

TEST_F(JournalWorkspacesTest, TellsWhatWaitsForWhichTheOldestFirst) {
  EXPECT_THAT(waiting(), IsEmpty());
  must_append(numbered_unit(1, 1, 2), "zebra");
  must_append(numbered_unit(1, 2, 3));
  must_append(numbered_unit(1, 3, 4), "ant");
  must_append(numbered_unit(1, 4, 5), "zebra");
  for (const bool reopened : {false, true}) {
    if (reopened) reopen();
    const auto all = waiting();
    ASSERT_THAT(names(), ElementsAre("zebra", "", "ant"));
    EXPECT_EQ(all[0].amount.units, 2);
    EXPECT_EQ(all[0].amount.events, 7);
    EXPECT_GT(all[0].amount.bytes, 700);
    EXPECT_EQ(all[1].amount.events, 3);
    EXPECT_LT(all[0].first, all[1].first);
    EXPECT_LE(all[0].oldest, all[1].oldest);
    EXPECT_EQ(journal_->statistics().oldest, all[0].oldest);
    EXPECT_EQ(journal_->statistics().waiting.events, 14);
  }
  remove({waiting()[0].first, waiting()[1].first});
  EXPECT_THAT(names(), ElementsAre("ant", "zebra"));
  set_aside({waiting()[1].first}, "reason");
  EXPECT_THAT(names(), ElementsAre("ant"));
}

TEST_F(JournalWorkspacesTest, GivesTheUnitsOfOneInOrder) {
  must_append(numbered_unit(1, 1), "a", "incarnation-of-a");
  must_append(numbered_unit(1, 2), "b");
  must_append(numbered_unit(1, 3), "a");
  for (const bool reopened : {false, true}) {
    if (reopened) reopen();
    EXPECT_THAT(ids_of(of("a")), ElementsAre(id(1, 1), id(1, 3)));
    EXPECT_THAT(ids_of(of("b")), ElementsAre(id(1, 2)));
    EXPECT_THAT(ids_of(of("c")), IsEmpty());
    const auto units = next(of("a"));
    EXPECT_EQ(units[0].incarnation, "incarnation-of-a");
    EXPECT_EQ(units[1].incarnation, "");
    EXPECT_EQ(units[0].appended_at, journal_->statistics().oldest);
  }
}

TEST_F(JournalWorkspacesTest, PassesOverWhatIsPutOff) {
  for (int i = 0; i < 6; ++i) must_append(numbered_unit(1, i), "a");
  const auto units = next(of("a"));
  Take take = of("a", units[1].sequence);
  EXPECT_THAT(ids_of(take), ElementsAre(id(1, 2), id(1, 3), id(1, 4), id(1, 5)));
  take.passed_over = {units[2].sequence, units[4].sequence};
  EXPECT_THAT(ids_of(take), ElementsAre(id(1, 3), id(1, 5)));
  take.max_events = 1;
  EXPECT_THAT(ids_of(take), ElementsAre(id(1, 3)));
  take.after = units[5].sequence;
  EXPECT_THAT(ids_of(take), IsEmpty());
}

TEST_F(JournalWorkspacesTest, AUnitPutBackIsAtItsPlaceAgain) {
  for (int i = 0; i < 4; ++i) must_append(numbered_unit(1, i), "a", "incarnation");
  const auto units = next(of("a"));
  EXPECT_EQ(set_aside({units[1].sequence, units[2].sequence}, "reason").units, 2);
  EXPECT_THAT(ids_of(of("a")), ElementsAre(id(1, 0), id(1, 3)));
  const auto back = must(run(context_, journal_->put_back({units[2].sequence, units[0].sequence, 12345})));
  EXPECT_EQ(back.units, 1);
  for (const bool reopened : {false, true}) {
    if (reopened) reopen();
    EXPECT_THAT(ids_of(of("a")), ElementsAre(id(1, 0), id(1, 2), id(1, 3)));
    EXPECT_EQ(next(of("a"))[1].incarnation, "incarnation");
    EXPECT_EQ(next(of("a"))[1].appended_at, units[2].appended_at);
    EXPECT_EQ(set_aside_units().size(), 1U);
    EXPECT_EQ(journal_->statistics().waiting.units, 3);
    EXPECT_EQ(journal_->statistics().aside.units, 1);
  }
}

TEST_F(JournalWorkspacesTest, DropsWhatIsSetAsideAndNothingElse) {
  for (int i = 0; i < 3; ++i) must_append(numbered_unit(1, i));
  const auto units = next();
  set_aside({units[0].sequence, units[1].sequence}, "reason");
  EXPECT_EQ(must(run(context_, journal_->drop({units[0].sequence, units[2].sequence, 12345}))).units, 1);
  for (const bool reopened : {false, true}) {
    if (reopened) reopen();
    EXPECT_THAT(ids(), ElementsAre(id(1, 2)));
    ASSERT_EQ(set_aside_units().size(), 1U);
    EXPECT_EQ(set_aside_units()[0].sequence, units[1].sequence);
    EXPECT_EQ(journal_->statistics().aside.units, 1);
  }
}

TEST_F(JournalWorkspacesTest, ShowsPagesOfBothParts) {
  for (int i = 0; i < 6; ++i) must_append(numbered_unit(1, i, 1, 1000), i % 2 == 0 ? "a" : "b");
  const auto units = next();
  set_aside({units[0].sequence, units[1].sequence, units[2].sequence}, "reason");
  const auto first = read({.part = Part::kSetAside, .max_units = 2, .max_bytes = 1 << 20});
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].events, units[0].events);
  EXPECT_EQ(first[0].reason, "reason");
  EXPECT_EQ(first[1].workspace, "b");
  const auto rest =
      read({.part = Part::kSetAside, .after = first[1].sequence, .max_units = 2, .max_bytes = 1 << 20});
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].sequence, units[2].sequence);
  const auto waiting = read({.part = Part::kWaiting, .max_units = 100, .max_bytes = 3000});
  ASSERT_EQ(waiting.size(), 2U);
  EXPECT_EQ(waiting[0].events, units[3].events);
  EXPECT_EQ(waiting[0].reason, "");
  EXPECT_FALSE(waiting[0].set_aside_at);
  EXPECT_EQ(read({.part = Part::kWaiting, .max_units = 100, .max_bytes = 1}).size(), 1U);
}

TEST_F(JournalWorkspacesTest, WhatIsSetAsideCountsInTheBoundAndIsNeverDeleted) {
  int kept = 0;
  while (append(numbered_unit(1, kept, 1, 200000))) {
    ++kept;
    ASSERT_LT(kept, 1000);
  }
  // Whatever is full, there is room to set aside.
  const std::string reason(2000, 'r');
  for (const Unit& unit : next()) ASSERT_EQ(set_aside({unit.sequence}, reason).units, 1);
  EXPECT_EQ(append(numbered_unit(2, 1, 1, 200000)).error().kind, Error::Kind::kFull);
  for (const bool reopened : {false, true}) {
    if (reopened) reopen();
    const auto held = set_aside_units();
    EXPECT_EQ(held.size(), static_cast<std::size_t>(kept));
    EXPECT_EQ(held[0].reason, reason.substr(0, 1000));
  }
  EXPECT_EQ(must(run(context_, journal_->drop({set_aside_units()[0].sequence}))).units, 1);
  must_append(numbered_unit(2, 1, 1, 100000));
}

TEST_F(JournalWorkspacesTest, SmallUnitsAreSetAsideInAFullJournal) {
  std::vector<event::Event> unit = numbered_unit(1, 1, 500, 300);
  while (append(unit)) continue;
  unit = numbered_unit(1, 2, 1, 100);
  int small = 0;
  while (append(unit)) ASSERT_LT(++small, 10000);
  std::vector<std::int64_t> all;
  for (const Unit& waiting : next()) all.push_back(waiting.sequence);
  EXPECT_EQ(set_aside(all, std::string(1000, 'r')).units, static_cast<std::int64_t>(all.size()));
  EXPECT_EQ(journal_->statistics().aside.units, static_cast<std::int64_t>(all.size()));
  EXPECT_EQ(journal_->statistics().failures, 0);
}

}  // namespace
}  // namespace storagepool::journal
