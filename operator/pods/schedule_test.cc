#include "operator/pods/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::pods {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;

const kube::ObjectKey kAudit{"team", "audit"};

Answer says(std::int64_t generation, bool leaving = false) {
  settings::SettingsReport report;
  report.applied_generation = generation;
  report.leaving = leaving;
  return {.outcome = Outcome::kAnswered, .report = report, .facts = settings::FactsReport{}};
}

Answer silence() {
  return {.outcome = Outcome::kUnreachable, .failure = "its administration port does not answer"};
}

settings::SettingsChange generation(std::int64_t number) {
  return {.generation = number, .settings = {{"maxOpenConns", 5}}};
}

class ScheduleTest : public ::testing::Test {
 protected:
  static WantedPod pod(const std::string& name, std::int64_t restarts = 0) {
    return {.run = {.uid = name, .ip = "10.0.0." + name, .restarts = restarts}};
  }
  void follow(std::vector<WantedPod> pods, std::chrono::milliseconds period = 10s) {
    schedule_.follow(kAudit, {.token = "t", .period = period, .pods = std::move(pods)}, now_);
  }
  // Exactly one task is due.
  Task taken() {
    const std::vector<Task> tasks = schedule_.take(now_);
    EXPECT_THAT(tasks, SizeIs(1));
    return tasks.empty() ? Task{} : tasks.front();
  }
  bool finished(const Task& task, const Answer& answer) {
    return schedule_.finished(task.id, answer, now_).changed.has_value();
  }
  // How long until the next task, to the tenth that jitter may take or add.
  void expect_due_in(std::chrono::milliseconds delay) {
    const auto due = schedule_.next_due();
    ASSERT_TRUE(due);
    EXPECT_GE(*due - now_, delay * 9 / 10);
    EXPECT_LE(*due - now_, delay * 11 / 10);
  }
  Answer latest(const WantedPod& of) const { return schedule_.latest(kAudit, of.run); }

  Schedule schedule_{7};
  Schedule::TimePoint now_{1h};
};

TEST_F(ScheduleTest, ANewPodIsAskedAtOnceAndThenAfterThePeriod) {
  EXPECT_EQ(latest(pod("1")).failure, "it has not been asked yet");
  follow({pod("1")});
  EXPECT_EQ(latest(pod("1")).outcome, Outcome::kNotAsked);
  const Task task = taken();
  EXPECT_EQ(task.ip, "10.0.0.1");
  EXPECT_EQ(task.token, "t");
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
  Answer same = answer;
  same.report->open = 2;
  same.report->in_use = 2;
  same.report->idle = 1;
  same.report->wait_count = 99;
  same.report->not_ready = {"leaving"};
  same.facts->facts_age_seconds = 12;
  same.facts->facts->sessions = 50;
  same.facts_at += 5s;
  EXPECT_FALSE(changes(same));
  EXPECT_EQ(latest(pod("1")).report->open, 2);

  Answer other = answer;
  other.report->closing = 2;  // with 4 open, 6 of 5
  EXPECT_TRUE(changes(other));
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

TEST_F(ScheduleTest, SilentPodsTakeNoPlaceOfThoseThatAnswer) {
  std::vector<WantedPod> pods;
  for (int i = 0; i < 500; ++i) pods.push_back(pod(std::to_string(i)));
  follow(pods);
  std::vector<Task> first = schedule_.take(now_);
  EXPECT_THAT(first, SizeIs(kOthersAtOnce));
  EXPECT_EQ(schedule_.next_due(), std::nullopt) << "no place";
  finished(first[0], says(3));
  first[0] = taken();  // the next of those that were never asked
  now_ += 20s;
  const Task regular = taken();
  EXPECT_EQ(regular.ip, "10.0.0.0");
  finished(regular, says(3));

  pods[0].settings = generation(4);
  follow(pods);
  const Task told = taken();
  EXPECT_TRUE(told.settings);
  finished(told, says(4));
  for (const Task& task : first) finished(task, silence());
  EXPECT_THAT(schedule_.take(now_), SizeIs(kOthersAtOnce));
}

TEST_F(ScheduleTest, WhatIsWantedGoesAheadOfAllThatIsDue) {
  std::vector<WantedPod> pods;
  for (int i = 0; i < 500; ++i) pods.push_back(pod(std::to_string(i)));
  follow(pods);
  const std::vector<Task> first = schedule_.take(now_);
  pods[499].ready = true;
  follow(pods);
  finished(first[0], silence());
  EXPECT_EQ(taken().ip, "10.0.0.499");
}

TEST_F(ScheduleTest, ForgottenPodsLeaveNothing) {
  follow({pod("1"), pod("2")});
  const std::vector<Task> tasks = schedule_.take(now_);
  ASSERT_THAT(tasks, SizeIs(2));
  finished(tasks[1], silence());
  EXPECT_EQ(schedule_.silent(), 1U);
  schedule_.follow(kAudit, {}, now_);
  EXPECT_EQ(schedule_.pods(), 0U);
  EXPECT_EQ(schedule_.silent(), 0U);
  EXPECT_FALSE(finished(tasks[0], says(3)));
  EXPECT_EQ(schedule_.next_due(), std::nullopt);
}

TEST_F(ScheduleTest, WhatIsKeptOfAnAnswerIsBounded) {
  follow({pod("1")});
  Answer answer = says(3);
  const std::string flood(60'000, 'x');
  answer.report->not_ready.assign(100, flood);
  answer.report->ignored.emplace_back(flood);
  answer.report->journal.emplace().reason = flood;
  answer.facts->detail = answer.facts->target = flood;
  answer.facts->facts.emplace().system_identifier = flood;
  finished(taken(), answer);
  const Answer kept = latest(pod("1"));
  EXPECT_THAT(kept.report->not_ready, IsEmpty());
  EXPECT_THAT(kept.report->ignored, IsEmpty());
  for (const std::string& text : {kept.report->journal->reason, kept.facts->detail, kept.facts->target,
                                  kept.facts->facts->system_identifier}) {
    EXPECT_EQ(text.size(), kMaxTextBytes);
  }
}

// Whatever the order of calls: no pod has two exchanges, places are kept, and in the end all are asked.
TEST_F(ScheduleTest, RandomCallsLoseNoPod) {
  for (unsigned seed = 1; seed <= 100; ++seed) {
    std::minstd_rand random(seed);
    Schedule schedule(seed);
    std::map<std::string, Task> under_way;  // by address, which each pod has of its own
    std::vector<WantedPod> pods;
    const auto finish_one = [&] {
      const auto any = std::next(under_way.begin(), static_cast<long>(random() % under_way.size()));
      schedule.finished(any->second.id, random() % 2 == 0 ? says(1, random() % 2 == 0) : silence(), now_);
      under_way.erase(any);
    };
    for (int step = 0; step < 300; ++step) {
      switch (random() % 4) {
        case 0:
          pods.clear();
          for (int i = 0; i < 5; ++i) {
            if (random() % 2 == 0) pods.push_back(pod(std::to_string(i)));
            if (!pods.empty() && random() % 3 == 0) pods.back().leaving = random() % 2 == 0;
            if (!pods.empty() && random() % 3 == 0) pods.back().ready = true;
          }
          schedule.follow(kAudit, {.token = "t", .period = 10s, .pods = pods}, now_);
          // What was under way for one that was forgotten ends some time; a new one may be asked meanwhile.
          for (const auto& [ip, task] : std::exchange(under_way, {})) schedule.finished(task.id, silence(), now_);
          break;
        case 1:
          if (!under_way.empty()) finish_one();
          break;
        default:
          now_ += std::chrono::milliseconds(random() % 20'000);
          for (const Task& task : schedule.take(now_)) {
            ASSERT_TRUE(under_way.emplace(task.ip, task).second) << "seed " << seed;
          }
      }
      ASSERT_EQ(schedule.pods(), pods.size());
    }
    while (!under_way.empty()) finish_one();
    EXPECT_EQ(schedule.take(now_ + 1h).size(), pods.size()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace storagepool::pods
