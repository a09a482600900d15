#include "operator/reconcile/cluster/reserve_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/status/conditions.h"
#include "operator/reconcile/testing/reconcile_fixture.h"

namespace storagepool::reconcile {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

TEST(ReserveWatch, BelievesWhatHalfAMinuteOfReadingsSays) {
  const runtime::TimePoint start{1h};
  ReserveWatch watch(false);
  watch.read(true, start);
  watch.read(false, start + 10s);
  watch.read(false, start + 39s);
  EXPECT_FALSE(watch.is_too_small());
  watch.read(true, start + 41s);
  watch.read(false, start + 50s);
  watch.read(false, start + 79s);
  EXPECT_FALSE(watch.is_too_small()) << "one in between said otherwise";
  watch.read(true, start + 78s);  // older
  watch.read(false, start + 80s);
  EXPECT_TRUE(watch.is_too_small());
  watch.read(true, start + 90s);
  watch.read(false, start + 100s);
  watch.read(true, start + 110s);
  EXPECT_TRUE(watch.is_too_small());
  watch.read(true, start + 140s);
  EXPECT_FALSE(watch.is_too_small());
}

// Of 40 connections the server gives 37, and 27 are the StoragePool's.
class ReserveTooSmall : public Reconcile {
 protected:
  // For `time`, with a look each second.
  void others_have(std::int64_t sessions, std::chrono::seconds time) {
    cluster_.new_pods_say.facts->other_sessions = sessions;
    for (auto& [address, pod] : cluster_.pods) pod.facts.facts->other_sessions = sessions;
    for (auto passed = 0s; passed < time; passed += 1s) ASSERT_TRUE(look());
  }
};

TEST_F(ReserveTooSmall, SaysHowLargeItMustBeBeforeAnybodyIsRefused) {
  settle();
  others_have(10, 60s);
  EXPECT_EQ(condition_of(kReserveTooSmall).type, "") << "10 are left to others";
  others_have(17, 20s);
  others_have(10, 5s);
  others_have(17, 25s);
  EXPECT_EQ(condition_of(kReserveTooSmall).type, "") << "not for half a minute";
  others_have(17, 10s);
  EXPECT_EQ(condition(kReserveTooSmall), "True OthersHoldMore");
  EXPECT_EQ(
      message(kReserveTooSmall),
      "others than StoragePools have 17 sessions on db:5432/audit, and StoragePools may hold 27: together "
      "more than the 37 that the server gives, so that some are refused (53300) when all are in use. Set "
      "spec.postgres.reserve to 17 or more");
  EXPECT_EQ(condition(kReady), "True Ready");
  EXPECT_THAT(events(), ::testing::Contains("OthersHoldMore").Times(1));

  const Condition said = condition_of(kReserveTooSmall);
  cluster_.writes.clear();
  others_have(19, 60s);
  EXPECT_THAT(cluster_.writes, ::testing::IsEmpty()) << "no word for each that comes and goes";
  restart_operator();
  others_have(18, 60s);
  EXPECT_EQ(condition_of(kReserveTooSmall), said);
  EXPECT_THAT(events(), ::testing::Contains("OthersHoldMore").Times(1));

  change_spec("/spec/postgres/reserve", 18);
  others_have(18, 60s);
  EXPECT_EQ(condition(kReserveTooSmall), "False ReserveSuffices");
}

TEST_F(ReserveTooSmall, WhatIsDeclaredIsCountedAlready) {
  cluster_.put({{"apiVersion", "apps/v1"},
                {"kind", "StatefulSet"},
                {"metadata",
                 {{"name", "shop"},
                  {"namespace", "team"},
                  {"uid", "shop"},
                  {"annotations",
                   {{"storagepool.dev/server", "db:5432"}, {"storagepool.dev/connections-per-pod", "6"}}}}},
                {"spec", {{"replicas", 1}}}});
  settle();
  others_have(16, 60s);
  EXPECT_EQ(condition_of(kReserveTooSmall).type, "");
  others_have(17, 60s);
  EXPECT_THAT(
      message(kReserveTooSmall),
      HasSubstr("Set spec.postgres.reserve to 11 or more (6 are declared by workloads, and counted)"));
}

TEST_F(ReserveTooSmall, PodsThatDoNotTellSayNothing) {
  settle();
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(look());
  EXPECT_EQ(condition_of(kReserveTooSmall).type, "");
}

}  // namespace
}  // namespace storagepool::reconcile
