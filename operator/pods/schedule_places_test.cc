// Who is asked when there are more pods than places, and that none is lost.
#include "operator/pods/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/pods/testing/schedule_fixture.h"

namespace storagepool::pods {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

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
          schedule.follow(kAudit, pods, now_);
          // What was under way for one that was forgotten ends some time; a new one may be asked meanwhile.
          for (const auto& [ip, task] : std::exchange(under_way, {}))
            schedule.finished(task.id, silence(), now_);
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
