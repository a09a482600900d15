#include "pool/evidence/sealing/self_audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::evidence {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SelfAuditTest : public ::testing::Test {
 protected:
  std::vector<Alarm::Kind> looked(const FoundBatch& found, std::chrono::milliseconds later = 0s) {
    std::vector<Alarm::Kind> kinds;
    for (const Alarm& alarm : audit_.looked({{7, found}}, now_ + later)) kinds.push_back(alarm.kind);
    return kinds;
  }
  void acknowledge(std::optional<std::string> kept = std::nullopt) {
    audit_.acknowledged({.batch = 7, .events = 3, .kept = std::move(kept)}, now_);
  }
  const SelfAudit::TimePoint now_{1h};
  SelfAudit audit_;
};

TEST_F(SelfAuditTest, IsDoneWithWhatIsSealedAsItWasStored) {
  acknowledge();
  EXPECT_THAT(audit_.wanted(), ElementsAre(7));
  EXPECT_THAT(looked({.sealed = 3, .there = true}), IsEmpty());
  EXPECT_EQ(audit_.waiting(), 0U);
  acknowledge();
  EXPECT_THAT(looked({.sealed = 3}), IsEmpty()) << "it was pruned";
}

TEST_F(SelfAuditTest, NoticesWhatIsSealedWithOtherEvents) {
  acknowledge();
  EXPECT_THAT(looked({.sealed = 2, .there = true}), ElementsAre(Alarm::Kind::kAlteredBatch));
  acknowledge();
  EXPECT_THAT(looked({.sealed = 3, .there = true, .kept = "{1,2,3}"}),
              ElementsAre(Alarm::Kind::kAlteredBatch));
  acknowledge("{1,2,4}");
  EXPECT_THAT(looked({.sealed = 3, .there = true, .kept = "{1,2,3}"}),
              ElementsAre(Alarm::Kind::kAlteredBatch));
  EXPECT_EQ(audit_.waiting(), 0U);
}

TEST_F(SelfAuditTest, NeedNotLookForWhatItsPodHasSealed) {
  acknowledge();
  audit_.acknowledged({.batch = 8, .events = 2, .kept = "{1,3}"}, now_);
  audit_.acknowledged({.batch = 9, .events = 1}, now_);
  const std::vector<BatchEvents> sealed{{7, 3}, {8, 2, "{1,3}"}, {10, 1}};
  EXPECT_THAT(audit_.sealed(sealed), IsEmpty());
  EXPECT_THAT(audit_.wanted(), ElementsAre(9));
}

TEST_F(SelfAuditTest, NoticesWhatItsPodHasSealedWithOtherEvents) {
  const auto expect_altered = [&](const BatchEvents& sealed) {
    const std::vector<Alarm> alarms = audit_.sealed({&sealed, 1});
    ASSERT_EQ(alarms.size(), 1U);
    EXPECT_EQ(alarms[0].kind, Alarm::Kind::kAlteredBatch);
    EXPECT_EQ(alarms[0].batch, 7);
    EXPECT_EQ(audit_.waiting(), 0U);
  };
  acknowledge();
  expect_altered({7, 2, "{1,3}"});
  acknowledge();
  expect_altered({7, 3, "{1,2,3}"});
  acknowledge("{1,2,4}");
  expect_altered({7, 3, "{1,2,3}"});
}

TEST_F(SelfAuditTest, LooksWhenTheOldestHasWaitedForAMoment) {
  EXPECT_FALSE(audit_.is_due(now_ + 1h));
  acknowledge();
  audit_.acknowledged({.batch = 8}, now_ + 2s);
  EXPECT_FALSE(audit_.is_due(now_ + 2'999ms));
  EXPECT_TRUE(audit_.is_due(now_ + 3s));
  const BatchEvents sealed{7, 3};
  audit_.sealed({&sealed, 1});
  EXPECT_FALSE(audit_.is_due(now_ + 3s));
}

TEST_F(SelfAuditTest, WaitsForTheLogHoweverLong) {
  acknowledge();
  EXPECT_THAT(looked({.there = true, .waits = true}, 1h), IsEmpty());
  EXPECT_EQ(audit_.waiting(), 1U);
}

TEST_F(SelfAuditTest, NoticesWhatTheLogHasPassedOrWasDeleted) {
  for (const bool there : {false, true}) {
    acknowledge();
    EXPECT_THAT(looked({.there = there}, 59'999ms), IsEmpty());
    EXPECT_THAT(looked({.there = there}, 60s), ElementsAre(Alarm::Kind::kMissingBatch));
    EXPECT_EQ(audit_.waiting(), 0U);
  }
}

TEST_F(SelfAuditTest, LooksForSomeAtOnceAndForAllInTurn) {
  constexpr auto kAll = static_cast<std::int64_t>(SelfAudit::kAtOnce + 5);
  for (std::int64_t batch = 0; batch < kAll; ++batch) audit_.acknowledged({.batch = batch}, now_);
  EXPECT_EQ(audit_.wanted().size(), SelfAudit::kAtOnce);
  EXPECT_EQ(audit_.wanted().front(), 0);
  EXPECT_THAT(audit_.looked({}, now_), IsEmpty());
  EXPECT_EQ(audit_.wanted().front(), static_cast<std::int64_t>(SelfAudit::kAtOnce));
  EXPECT_EQ(audit_.wanted().back(), static_cast<std::int64_t>(SelfAudit::kAtOnce) - 6) << "from the first on";
  EXPECT_EQ(audit_.waiting(), static_cast<std::size_t>(kAll));
}

TEST_F(SelfAuditTest, KeepsABoundedNumber) {
  for (std::size_t i = 0; i < SelfAudit::kMaxWaiting + 3; ++i)
    audit_.acknowledged({.batch = static_cast<std::int64_t>(i)}, now_);
  EXPECT_EQ(audit_.waiting(), SelfAudit::kMaxWaiting);
  EXPECT_EQ(audit_.unchecked(), 3U);
  EXPECT_EQ(audit_.wanted().front(), 3);
}

}  // namespace
}  // namespace storagepool::evidence
