#include "operator/pods/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/pods/testing/schedule_fixture.h"

namespace storagepool::pods {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(ScheduleTest, ANewPodIsAskedAtOnceAndThenAfterThePeriod) {
  EXPECT_EQ(latest(pod("1")).failure, "it has not been asked yet");
  follow({pod("1")});
  EXPECT_EQ(latest(pod("1")).outcome, Outcome::kNotAsked);
  const Task task = taken();
  EXPECT_EQ(task.ip, "10.0.0.1");
  EXPECT_EQ(task.uid, "1");
  EXPECT_THAT(schedule_.take(now_ + 1h), IsEmpty()) << "one exchange at a time";
  now_ += 20ms;
  EXPECT_TRUE(finished(task, says(3)));
  EXPECT_EQ(latest(pod("1")).report->applied_generation, 3);
  EXPECT_EQ(latest(pod("1")).asked, now_ - 20ms);
  expect_due_in(10s);
}

TEST_F(ScheduleTest, APodWithoutAnAddressIsNotAsked) {
  WantedPod none = pod("1");
  none.run.ip.clear();
  follow({none});
  EXPECT_THAT(schedule_.take(now_), IsEmpty());
  EXPECT_EQ(schedule_.next_due(), std::nullopt);
  EXPECT_EQ(latest(none).failure, "it has no address yet");
}

TEST_F(ScheduleTest, OnlyWhatReconcilingReadsIsAChange) {
  follow({pod("1")});
  Answer answer = says(3);
  answer.report->open = 4;
  answer.report->settings.max_open_conns = 5;
  answer.report->journal.emplace().takes_events = true;
  answer.facts->facts.emplace().max_connections = 100;
  const auto changes = [&](const Answer& next) {
    now_ += 20s;
    return finished(taken(), next);
  };
  EXPECT_TRUE(changes(answer));
  const std::uint64_t version = schedule_.version(kAudit);
  Answer same = answer;
  same.report->open = 2;
  same.report->in_use = 2;
  same.report->idle = 1;
  same.report->wait_count = 99;
  same.report->not_ready = {"leaving"};
  same.facts->facts_age_seconds = 12;
  same.facts->facts->sessions = 50;
  same.facts->facts->read_at += 30'000;
  EXPECT_FALSE(changes(same));
  EXPECT_EQ(latest(pod("1")).report->open, 2);
  EXPECT_EQ(schedule_.version(kAudit), version);

  Answer other = answer;
  other.report->closing = 2;  // with 4 open, 6 of 5
  EXPECT_TRUE(changes(other));
  EXPECT_GT(schedule_.version(kAudit), version);
  EXPECT_TRUE(changes(answer)) << "sockets came within the limit";
  other = answer;
  other.report->journal->waiting_units = 1;
  EXPECT_TRUE(changes(other));
  other.report->journal->waiting_units = 2;
  EXPECT_FALSE(changes(other));
  other.report->journal->set_aside_units = 1;
  EXPECT_TRUE(changes(other));
  other.facts->reachable = true;
  EXPECT_TRUE(changes(other));
  other.facts->facts->max_connections = 40;
  EXPECT_TRUE(changes(other));
  other.facts->detail = "refused";
  EXPECT_TRUE(changes(other));
  other.facts->elsewhere = 2;
  EXPECT_TRUE(changes(other));
  other.facts->elsewhere = 1;
  EXPECT_FALSE(changes(other));
}

TEST_F(ScheduleTest, OneLostAnswerChangesNothingAndTwoDo) {
  follow({pod("1")});
  EXPECT_TRUE(finished(taken(), says(3)));
  now_ += 11s;
  EXPECT_FALSE(finished(taken(), silence()));
  EXPECT_TRUE(latest(pod("1")).report);
  EXPECT_EQ(schedule_.silent(), 0U);
  expect_due_in(500ms);
  now_ += 1s;
  EXPECT_TRUE(finished(taken(), silence()));
  EXPECT_FALSE(latest(pod("1")).report);
  EXPECT_EQ(latest(pod("1")).failure, "its administration port does not answer");
  EXPECT_EQ(schedule_.silent(), 1U);
  for (const auto delay : {1000ms, 2000ms, 4000ms, 8000ms, 16'000ms, 30'000ms, 30'000ms}) {
    expect_due_in(delay);
    now_ += 40s;
    EXPECT_FALSE(finished(taken(), silence()));
  }
  now_ += 40s;
  EXPECT_TRUE(finished(taken(), says(3)));
  EXPECT_EQ(schedule_.silent(), 0U);
  expect_due_in(10s);
}

TEST_F(ScheduleTest, OneAnswerOfWhichHalfIsLostChangesNothingAndTwoDo) {
  Answer whole = says(3);
  whole.facts.emplace().reachable = true;
  Answer half = says(4);
  half.facts.reset();
  follow({pod("1")});
  EXPECT_TRUE(finished(taken(), whole));
  for (int i = 0; i < 2; ++i) {
    now_ += 11s;
    EXPECT_FALSE(finished(taken(), half));
    EXPECT_EQ(latest(pod("1")).report->applied_generation, 3);
    EXPECT_TRUE(latest(pod("1")).facts);
    EXPECT_EQ(latest(pod("1")).asked, now_ - 11s) << "what is believed is not younger than it is";
    expect_due_in(500ms);
    now_ += 1s;
    EXPECT_FALSE(finished(taken(), whole));
  }
  now_ += 11s;
  EXPECT_FALSE(finished(taken(), half));
  now_ += 1s;
  EXPECT_TRUE(finished(taken(), half));
  EXPECT_EQ(latest(pod("1")).report->applied_generation, 4);
  EXPECT_FALSE(latest(pod("1")).facts);
  expect_due_in(10s);
}

TEST_F(ScheduleTest, AnotherAddressOrRunHasSaidNothing) {
  follow({pod("1")});
  finished(taken(), says(3));
  const WantedPod restarted = pod("1", 1);
  follow({restarted});
  EXPECT_FALSE(latest(restarted).report);
  EXPECT_FALSE(latest(pod("1")).report);
  const Task task = taken();
  WantedPod moved = restarted;
  moved.run.ip = "10.0.0.9";
  follow({moved});
  EXPECT_EQ(taken().ip, "10.0.0.9");
  EXPECT_FALSE(finished(task, says(3))) << "an answer of the address before";
  EXPECT_FALSE(latest(moved).report);
}

TEST_F(ScheduleTest, APodThatBecomesReadyIsAskedAtOnceWhateverItsBackOff) {
  follow({pod("1")});
  for (int i = 0; i < 9; ++i, now_ += 40s) finished(taken(), silence());
  finished(taken(), silence());
  EXPECT_THAT(schedule_.take(now_), IsEmpty());
  WantedPod ready = pod("1");
  ready.ready = true;
  follow({ready});
  taken();
}

TEST_F(ScheduleTest, WhatIsWantedIsToldAtOnceAndUntilAReportShowsIt) {
  follow({pod("1")});
  Answer old = says(3);
  old.report->not_known = {"stallAfter"};
  finished(taken(), old);
  WantedPod wanted = pod("1");
  wanted.settings = generation(4);
  wanted.settings->settings["stallAfter"] = 1000;
  follow({wanted});
  Task task = taken();
  ASSERT_TRUE(task.settings);
  EXPECT_EQ(task.settings->generation, 4);
  EXPECT_EQ(task.settings->settings, (settings::Given{{"maxOpenConns", 5}})) << "what the pod knows";
  EXPECT_FALSE(finished(task, old));
  expect_due_in(500ms);
  follow({wanted});
  EXPECT_THAT(schedule_.take(now_), IsEmpty()) << "wanting the same again changes nothing";
  now_ += 1s;
  task = taken();
  EXPECT_TRUE(task.settings);
  EXPECT_TRUE(finished(task, says(4)));
  expect_due_in(10s);
  follow({pod("1")});
  now_ += 11s;
  EXPECT_FALSE(taken().settings);
}

TEST_F(ScheduleTest, TheNewestThatIsWantedWins) {
  follow({pod("1")});
  finished(taken(), says(3));
  WantedPod wanted = pod("1");
  wanted.settings = generation(4);
  follow({wanted});
  const Task before = taken();
  wanted.settings = generation(5);
  follow({wanted});
  EXPECT_THAT(schedule_.take(now_), IsEmpty()) << "one exchange at a time";
  finished(before, says(4));
  const Task task = taken();
  EXPECT_EQ(task.settings->generation, 5);
  finished(task, says(5));
  expect_due_in(10s);
}

TEST_F(ScheduleTest, WhatIsNoLongerWantedIsNotTold) {
  follow({pod("1")});
  finished(taken(), says(3));
  WantedPod wanted = pod("1");
  wanted.settings = generation(4);
  follow({wanted});
  follow({pod("1")});
  EXPECT_FALSE(taken().settings);
}

TEST_F(ScheduleTest, NothingIsToldToAPodWhoseSettingsAreNotKnown) {
  WantedPod wanted = pod("1");
  wanted.settings = generation(4);
  follow({wanted});
  const Task task = taken();
  EXPECT_FALSE(task.settings);
  finished(task, says(3));
  now_ += 1s;
  EXPECT_TRUE(taken().settings);
}

// The journal of a pod that leaves is empty for good only until it is told to stay.
TEST_F(ScheduleTest, APodThatIsToStayIsNoLongerReportedAsLeaving) {
  WantedPod leaves = pod("1");
  leaves.leaving = true;
  WantedPod stays = pod("1");
  stays.leaving = false;
  follow({leaves});
  Task task = taken();
  EXPECT_EQ(task.leaving, true);
  finished(task, says(3, false));
  expect_due_in(500ms);
  now_ += 1s;
  finished(taken(), says(3, true));
  EXPECT_TRUE(latest(pod("1")).report->leaving);
  follow({stays});
  EXPECT_FALSE(latest(pod("1")).report->leaving) << "from the moment it is wanted";
  task = taken();
  EXPECT_EQ(task.leaving, false);
  // Whether that reached the pod nobody knows.
  finished(task, silence());
  follow({leaves});
  EXPECT_FALSE(latest(pod("1")).report->leaving);
  finished(taken(), says(3, true));
  EXPECT_TRUE(latest(pod("1")).report->leaving);
}

TEST_F(ScheduleTest, AnAnswerFromBeforeItWasToldToStayDoesNotSayThatItLeaves) {
  WantedPod leaves = pod("1");
  leaves.leaving = true;
  WantedPod stays = pod("1");
  stays.leaving = false;
  follow({leaves});
  const Task before = taken();
  follow({stays});
  finished(before, says(3, true));
  EXPECT_FALSE(latest(pod("1")).report->leaving);
  const Task task = taken();
  EXPECT_EQ(task.leaving, false) << "it is still to be told";
  finished(task, says(3, false));
  expect_due_in(10s);
}

TEST_F(ScheduleTest, AWishThatIsDroppedIsLookedAfterAtOnce) {
  follow({pod("1")});
  finished(taken(), says(3));
  WantedPod leaves = pod("1");
  leaves.leaving = true;
  follow({leaves});
  follow({pod("1")});
  EXPECT_FALSE(taken().leaving);
}

TEST_F(ScheduleTest, AShorterPeriodHoldsFromTheLastAnswerOn) {
  follow({pod("1")});
  finished(taken(), says(3));
  now_ += 3s;
  follow({pod("1")}, 2s);
  taken();
}

TEST_F(ScheduleTest, SaysWhenAPodIsDueAgainAndWhichTasksDoNotComeAgain) {
  follow({pod("1"), pod("2")});
  const std::vector<Task> tasks = schedule_.take(now_);
  ASSERT_THAT(tasks, SizeIs(2));
  const auto next = schedule_.finished(tasks[0].id, says(3), now_).next;
  ASSERT_TRUE(next);
  EXPECT_GE(*next, 9s);
  EXPECT_LE(*next, 11s);
  EXPECT_THAT(schedule_.take_forgotten(), IsEmpty());
  follow({pod("3", 1)});
  EXPECT_THAT(schedule_.take_forgotten(), ::testing::UnorderedElementsAre(tasks[0].id, tasks[1].id));
  EXPECT_THAT(schedule_.take_forgotten(), IsEmpty());
  EXPECT_FALSE(schedule_.finished(tasks[1].id, says(3), now_).next);
}

}  // namespace
}  // namespace storagepool::pods
