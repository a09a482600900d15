#include "operator/reconcile/view/inquiry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::reconcile {
namespace {

using namespace std::chrono_literals;

const Inquiry::TimePoint kBegin{1h};
const runtime::Timestamp kWall{1'790'000'000s};

PodState pod_state(std::int64_t ordinal, bool is_ready, std::optional<Trouble> trouble = {}) {
  PodState pod;
  pod.view = {.name = "audit-" + std::to_string(ordinal),
              .uid = "uid-" + std::to_string(ordinal),
              .ordinal = ordinal,
              .ready = is_ready};
  pod.view.trouble = std::move(trouble);
  return pod;
}

WorkloadView three_pods() {
  WorkloadView view;
  view.workload = {.replicas = 3, .peak_pods = 3, .settled = true};
  view.uid = "set";
  return view;
}

TEST(InquiryTest, IsAboutThePodThatIsNotThereOrIsBeingCreated) {
  std::vector<PodState> pods{pod_state(0, true), pod_state(2, true)};
  EXPECT_EQ(find_suspect("audit", three_pods(), pods), (Suspect{"StatefulSet", "set", "audit-1"}));
  pods.push_back(pod_state(1, false));
  EXPECT_EQ(find_suspect("audit", three_pods(), pods), std::nullopt);
  pods[2].view.creating = true;
  EXPECT_EQ(find_suspect("audit", three_pods(), pods), (Suspect{"Pod", "uid-1", "audit-1"}));
  pods[2].view.trouble = Trouble{"Unschedulable", "audit-1: no", false};
  EXPECT_EQ(find_suspect("audit", three_pods(), pods), std::nullopt) << "it says so itself";
  WorkloadView unsettled = three_pods();
  unsettled.workload.settled = false;
  EXPECT_EQ(find_suspect("audit", unsettled, {}), std::nullopt);
  EXPECT_EQ(find_suspect("audit", std::nullopt, {}), std::nullopt);
}

TEST(InquiryTest, AsksAfterAWhileAndEverMoreRarely) {
  const Suspect missing{"StatefulSet", "set", "audit-1"};
  Inquiry inquiry;
  int asked = 0;
  std::optional<Inquiry::TimePoint> first;
  for (auto now = kBegin; now < kBegin + 1h; now += 500ms) {
    if (!inquiry.is_due(missing, now)) continue;
    if (!first) first = now;
    ++asked;
  }
  EXPECT_EQ(first, kBegin + Inquiry::kMissingGrace);
  EXPECT_GT(asked, 60);
  EXPECT_LT(asked, 80);
  inquiry.answered({Json{{"reason", "FailedCreate"}, {"note", "create Pod audit-1 in x failed error: no"}}});
  EXPECT_EQ(inquiry.trouble()->message, "audit-1: no");
  EXPECT_FALSE(inquiry.is_due(Suspect{"Pod", "uid-2", "audit-2"}, kBegin + 2h)) << "another one";
  EXPECT_FALSE(inquiry.trouble());
  EXPECT_TRUE(inquiry.is_due(Suspect{"Pod", "uid-2", "audit-2"}, kBegin + 2h + Inquiry::kCreatingGrace));
  EXPECT_FALSE(inquiry.is_due(std::nullopt, kBegin + 3h));
}

TEST(WorstTrouble, IsWhatTimeDoesNotMendThenTheLowestOrdinal) {
  const Trouble passing{"Unschedulable", "audit-2: no node", false};
  const Trouble lasting{"ImagePullBackOff", "audit-1: not found", true};
  std::vector<PodState> pods{pod_state(2, false, passing), pod_state(0, true)};
  EXPECT_EQ(worst_trouble(pods, 3, std::nullopt, kWall), passing);
  EXPECT_EQ(worst_trouble(pods, 2, std::nullopt, kWall), std::nullopt) << "it is to go";
  pods.push_back(pod_state(1, false, lasting));
  const auto worst = worst_trouble(pods, 3, std::nullopt, kWall);
  ASSERT_TRUE(worst);
  EXPECT_EQ(worst->reason, "ImagePullBackOff");
  EXPECT_EQ(worst->message, "audit-1: not found (and audit-2)");
  const Trouble quota{"QuotaExceeded", "audit-0: quota", true};
  EXPECT_EQ(worst_trouble({pod_state(2, false, passing)}, 3, quota, kWall)->reason, "QuotaExceeded");
  EXPECT_EQ(worst_trouble({}, 3, quota, kWall), quota);
}

TEST(WorstTrouble, ACrashIsOverAMinuteAfterIt) {
  const Trouble again{"CrashLoopBackOff", "audit-0: ended", false, kWall};
  EXPECT_TRUE(worst_trouble({pod_state(0, false, again)}, 1, std::nullopt, kWall + 59s));
  EXPECT_FALSE(worst_trouble({pod_state(0, false, again)}, 1, std::nullopt, kWall + 60s));
}

}  // namespace
}  // namespace storagepool::reconcile
