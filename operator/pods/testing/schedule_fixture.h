// A Schedule with a clock of its own, that follows the pods of the StoragePool team/audit.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "operator/pods/schedule.h"

namespace storagepool::pods {

using namespace std::chrono_literals;

inline const kube::ObjectKey kAudit{"team", "audit"};

inline Answer says(std::int64_t generation, bool leaving = false) {
  settings::SettingsReport report;
  report.applied_generation = generation;
  report.leaving = leaving;
  return {.outcome = Outcome::kAnswered, .report = report, .facts = settings::FactsReport{}};
}

inline Answer silence() {
  return {.outcome = Outcome::kUnreachable, .failure = "its administration port does not answer"};
}

inline settings::SettingsChange generation(std::int64_t number) {
  return {.generation = number, .settings = {{"maxOpenConns", 5}}};
}

class ScheduleTest : public ::testing::Test {
 protected:
  static WantedPod pod(const std::string& name, std::int64_t restarts = 0) {
    return {.run = {.uid = name, .ip = "10.0.0." + name, .restarts = restarts}};
  }
  void follow(std::vector<WantedPod> pods, std::chrono::milliseconds period = 10s) {
    for (WantedPod& pod : pods) pod.period = period;
    schedule_.follow(kAudit, pods, now_);
  }
  // Exactly one task is due.
  Task taken() {
    const std::vector<Task> tasks = schedule_.take(now_);
    EXPECT_EQ(tasks.size(), 1U);
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

}  // namespace storagepool::pods
