// Other workloads on the server: no StoragePools, and asked by nobody before they grow.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/sizing/testing/ledger_fixture.h"

namespace storagepool::sizing {
namespace {

using testing::account;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::told;

constexpr const char* kServer = "db.team:5432";

class LedgerOfWorkloads : public testing::LedgerTest {
 protected:
  // `a` asks for 3 x 25 of the 27 that are usable.
  LedgerOfWorkloads() {
    Account a = account("a", 3, 9);
    a.facts = told(40, "1");
    put(a);
  }
  void put(const Account& account) { ledger_.put(account); }
  void hold(std::int64_t connections, const std::string& server = kServer) {
    ledger_.put_workloads({{.server = server, .pods = 2, .connections = connections}});
  }
  Plan plan_of(const Account& account) {
    return plan(*account.request, outlook(account.uid), account.existing);
  }
};

TEST_F(LedgerOfWorkloads, WhatTheyHoldIsTakenOffTheShares) {
  hold(15);
  EXPECT_EQ(share("a"), (Share{3, 4}));
  EXPECT_EQ(outlook("a").available, 12);
  EXPECT_EQ(outlook("a").usable, 27);
  EXPECT_EQ(outlook("a").max_safe_replicas, 12);
  EXPECT_EQ(outlook("a").workloads, (OtherWorkloads{.count = 1, .pods = 2, .hold = 15}));
  EXPECT_EQ(outlook("a").others, Others{}) << "they are no StoragePools";
  EXPECT_EQ(ledger_.claimed(kServer), 27 + 15);
}

TEST_F(LedgerOfWorkloads, WhoGrowsHasTheStoragePoolsShrinkAndNothingGrowsUntilThen) {
  Account b = account("b", 0, 0);
  b.created = 1;
  put(b);
  hold(9);
  EXPECT_EQ(share("a"), (Share{3, 3}));
  EXPECT_EQ(share("b"), (Share{3, 3}));
  EXPECT_EQ(outlook("b").available, 0) << "until a has confirmed";
  EXPECT_FALSE(ledger_.raise("b", 1, 1, now_));
  Account a = account("a", 3, 3);
  a.facts = told(40, "1");
  put(a);
  EXPECT_EQ(outlook("b").available, 9);
  hold(10);
  EXPECT_FALSE(ledger_.raise("b", 3, 3, now_));
  EXPECT_TRUE(ledger_.raise("b", 2, 4, now_));
  EXPECT_FALSE(ledger_.raise("a", 3, 4, now_));
}

TEST_F(LedgerOfWorkloads, WhoIsGoneLeavesItsPartToTheOthers) {
  hold(15);
  EXPECT_EQ(share("a"), (Share{3, 4}));
  ledger_.put_workloads({});
  EXPECT_EQ(share("a"), (Share{3, 9}));
  EXPECT_EQ(outlook("a").workloads, OtherWorkloads{});
}

TEST_F(LedgerOfWorkloads, TheyAreUnderNoLimitOfARoleOrDatabase) {
  Account a = account("a", 3, 3);
  a.facts = told(40, "1");
  a.facts->facts.role_limit = 12;
  a.facts->facts.database_limit = 10;
  put(a);
  hold(15);
  EXPECT_EQ(outlook("a").usable, 10);
  EXPECT_EQ(outlook("a").available, 10);
  EXPECT_EQ(share("a"), (Share{3, 3}));
  hold(20);
  EXPECT_EQ(outlook("a").available, 7) << "of the server's 27";
}

TEST_F(LedgerOfWorkloads, EachOfAServersNamesIsThatServer) {
  Account b = account("b", 1, 1);
  b.servers = {"alias.other:5432"};
  b.facts = told(40, "1");
  put(b);
  hold(15, "alias.other:5432");
  EXPECT_EQ(outlook("a").workloads.hold, 15);
  EXPECT_EQ(outlook("b").workloads.hold, 15);
}

TEST_F(LedgerOfWorkloads, OnAnotherServerTheyAreNobodysConcern) {
  hold(15, "db.other:5432");
  EXPECT_EQ(outlook("a").workloads, OtherWorkloads{});
  EXPECT_EQ(share("a"), (Share{3, 9}));
  EXPECT_FALSE(ledger_.has_server("db.other:5432"));
  EXPECT_TRUE(ledger_.has_server(kServer));
}

TEST_F(LedgerOfWorkloads, TheyCountForAStoragePoolThatComesLater) {
  hold(15, "db.other:5432");
  Account b = account("b", 0, 0);
  b.servers = {"db.other:5432"};
  b.facts = told(40, "2");
  put(b);
  EXPECT_EQ(share("b"), (Share{3, 4}));
}

TEST_F(LedgerOfWorkloads, OneThatStoragePoolsLeaveToCountsWhereTheyGo) {
  Account a = account("a", 3, 3);
  a.facts = told(40, "1");
  a.destination = "new.team:5432";
  a.destination_facts = told(40, "2");
  put(a);
  hold(20, "new.team:5432");
  ASSERT_TRUE(outlook("a").destination);
  EXPECT_EQ(outlook("a").destination->available, 7);
  EXPECT_EQ(outlook("a").destination->share, (Share{3, 2}));
  EXPECT_EQ(outlook("a").available, 27);
}

TEST_F(LedgerOfWorkloads, MoreThanThereIsLeavesOnePodAndSaysSo) {
  hold(200);
  EXPECT_TRUE(outlook("a").lone_pod);
  EXPECT_EQ(outlook("a").available, 0);
  const Plan p = plan_of(account("a", 3, 9));
  EXPECT_EQ(p.shortage, Shortage::kMinimumDoesNotFit);
  EXPECT_EQ(p.replicas, 1);
  EXPECT_EQ(p.per_pod, 1);
}

TEST_F(LedgerOfWorkloads, TheSumSaysWhatTheyHoldAndWhatHelps) {
  hold(15);
  const Plan p = plan_of(account("a", 3, 9));
  EXPECT_EQ(p.shortage, Shortage::kLimitsReduced);
  ASSERT_TRUE(p.budget);
  EXPECT_EQ(p.budget->other_workloads, 15);
  EXPECT_EQ(p.budget->other_pools, 0);
  EXPECT_THAT(p.message,
              HasSubstr("; 1 other workload with 2 pods may hold 15; planned are 3 pods with 4 each"));
  EXPECT_THAT(p.message, HasSubstr("raise the server's max_connections, or let other workloads hold less"));
  ledger_.put_workloads({});
  EXPECT_THAT(plan_of(account("a", 3, 9)).message, Not(HasSubstr("workload")));
}

TEST_F(LedgerOfWorkloads, TheSameOnceMoreCostsNothing) {
  hold(15);
  outlook("a");
  const std::int64_t before = ledger_.computations();
  hold(15);
  outlook("a");
  EXPECT_EQ(ledger_.computations(), before);
}

}  // namespace
}  // namespace storagepool::sizing
