#include "operator/sizing/ledger.h"

#include <gtest/gtest.h>

#include "operator/sizing/testing/ledger_fixture.h"

namespace storagepool::sizing {
namespace {

using namespace std::chrono_literals;
using testing::account;
using testing::kStart;
using testing::told;
using LedgerOf = testing::LedgerTest;

TEST_F(LedgerOf, OneStoragePoolHasWhatItsServerCanGive) {
  Account a = account("a", 0, 0);
  a.facts = told(40);
  ledger_.put(a);
  EXPECT_EQ(outlook("a").usable, 27);
  EXPECT_EQ(outlook("a").reserved, 13);
  EXPECT_EQ(outlook("a").available, 27);
  EXPECT_EQ(outlook("a").max_safe_replicas, 27);
  EXPECT_EQ(share("a"), (Share{3, 9}));
}

TEST_F(LedgerOf, ANewcomerHasItsShareAndWaitsForTheIncumbentToConfirm) {
  Account first = account("a", 3, 9);
  first.facts = told(40);
  ledger_.put(first);
  Account second = account("b", 0, 0);
  second.created = 1;
  ledger_.put(second);
  EXPECT_EQ(share("a"), (Share{3, 5}));  // 15 and 12: threes do not halve 27
  EXPECT_EQ(share("b"), (Share{3, 4}));
  EXPECT_EQ(outlook("b").available, 0);
  EXPECT_FALSE(ledger_.raise("b", 1, 1, now_));
  first.existing.limit = first.ceiling = 5;
  ledger_.put(first);
  EXPECT_EQ(outlook("b").available, 12);
  EXPECT_TRUE(ledger_.raise("b", 3, 4, now_));
  EXPECT_EQ(ledger_.claimed("db.team:5432"), 27);
  EXPECT_FALSE(ledger_.raise("a", 3, 6, now_));
}

TEST_F(LedgerOf, OnlyThoseOnTheSameServerCount) {
  Account a = account("a", 3, 9);
  a.facts = told(40);
  Account b = account("b", 1, 7);
  b.servers = {"other.team:5432"};
  ledger_.put(a);
  ledger_.put(b);
  EXPECT_EQ(outlook("a").others, Others{});
  EXPECT_EQ(outlook("a").available, 27);
}

TEST_F(LedgerOf, TwoNamesOfOneServerAreToldByItsIdentifier) {
  Account a = account("a", 1, 1);
  Account b = account("b", 1, 7);
  a.servers = {"db.team:5432"};
  b.servers = {"10.0.0.1:5432"};
  a.facts = told(40, "77");
  b.facts = told(40, "78");
  ledger_.put(a);
  ledger_.put(b);
  EXPECT_EQ(outlook("a").available, 27);
  b.facts = told(40, "77");
  ledger_.put(b);
  EXPECT_EQ(outlook("a").available, 20);
  EXPECT_EQ(outlook("b").others.hold, 1);
}

TEST_F(LedgerOf, WhoMovesCountsOnAllServersThatItsPodsMayUse) {
  Account a = account("a", 1, 5);
  a.facts = told(40);
  Account b = account("b", 1, 7);
  b.servers = {"c.team:5432", "b.team:5432", "db.team:5432"};
  b.facts = told(500);
  ledger_.put(a);
  ledger_.put(b);
  for (const auto* server : {"c.team:5432", "b.team:5432"}) EXPECT_EQ(ledger_.claimed(server), 7) << server;
  EXPECT_EQ(ledger_.claimed("db.team:5432"), 12);
  EXPECT_EQ(outlook("a").available, 20);
  EXPECT_EQ(outlook("a").usable, 27) << "what b tells is of another server";
  EXPECT_EQ(share("a").per_pod, 6) << "b's claim is no part of what is shared";
  EXPECT_EQ(outlook("b").available, 7) << "of b.team nobody knows the limits";
  b.servers = {"c.team:5432", "db.team:5432"};
  ledger_.put(b);
  EXPECT_EQ(outlook("b").available, 22);
  EXPECT_TRUE(ledger_.raise("b", 1, 22, now_));
  EXPECT_FALSE(ledger_.raise("a", 1, 6, now_));
}

TEST_F(LedgerOf, ASpecThatCannotBeReadKeepsItsClaim) {
  Account a = account("a", 3, 9);
  a.request.reset();
  ledger_.put(a);
  Account b = account("b", 1, 1);
  b.facts = told(43);
  ledger_.put(b);
  EXPECT_EQ(outlook("b").available, 3);
  EXPECT_EQ(share("b"), (Share{3, 1}));
  EXPECT_FALSE(ledger_.raise("a", 4, 9, now_));
  EXPECT_TRUE(ledger_.raise("a", 3, 9, now_));
}

TEST_F(LedgerOf, ObserveIsNotShrunkAndCountsBeforeTheOthersShare) {
  Account a = account("a", 3, 7);
  a.request->policy = Policy::kObserve;
  Account b = account("b", 1, 1);
  b.facts = told(40);
  ledger_.put(a);
  ledger_.put(b);
  EXPECT_EQ(share("b"), (Share{3, 2}));
  EXPECT_TRUE(ledger_.raise("a", 3, 100, now_));
}

TEST_F(LedgerOf, TheLargestReserveIsTheServers) {
  Account a = account("a", 3, 1);
  a.facts = told(40);
  a.request->reserve = 0;
  ledger_.put(a);
  EXPECT_EQ(outlook("a").usable, 37);
  Account b = account("b", 0, 0);
  b.request->reserve = 20;
  ledger_.put(b);
  EXPECT_EQ(outlook("a").usable, 17);
  EXPECT_EQ(outlook("b").reserved, 23);
  ledger_.remove("b");
  EXPECT_EQ(outlook("a").usable, 37);
}

TEST_F(LedgerOf, LimitsOfRoleAndDatabaseAreNotReducedByTheReserve) {
  Account a = account("a", 3, 1);
  a.facts = told(100);
  a.facts->facts.role_limit = 10;
  ledger_.put(a);
  EXPECT_EQ(outlook("a").usable, 10);
  EXPECT_EQ(share("a"), (Share{3, 3}));
  a.facts->facts.database_limit = 7;
  ledger_.put(a);
  EXPECT_EQ(outlook("a").usable, 7);
  a.request->max_connections = 5;
  ledger_.put(a);
  EXPECT_EQ(outlook("a").usable, 5);
  EXPECT_EQ(share("a"), (Share{3, 1}));
}

TEST_F(LedgerOf, AnothersLimitsOfRoleAndDatabaseBindOnlyWhoSharesThem) {
  Account a = account("a", 1, 7);
  a.facts = told(100);
  a.facts->facts.role_limit = 20;
  Account b = account("b", 0, 0);
  b.database = "other";
  ledger_.put(a);
  ledger_.put(b);
  EXPECT_EQ(outlook("b").available, 80);
  b.role = a.role;
  ledger_.put(b);
  EXPECT_EQ(outlook("b").role_limit, 20);
  EXPECT_EQ(outlook("b").available, 13);
  b.role = "team/b";
  a.facts->facts.role_limit.reset();
  a.facts->facts.database_limit = 30;
  ledger_.put(a);
  ledger_.put(b);
  EXPECT_EQ(outlook("b").available, 80);
  b.database = "audit";
  ledger_.put(b);
  EXPECT_EQ(outlook("b").available, 23);
}

TEST_F(LedgerOf, EqualLimitsAreTakenForOneRole) {
  Account a = account("a", 1, 7);
  a.facts = told(100);
  a.facts->facts.role_limit = 20;
  Account b = account("b", 1, 1);
  b.facts = a.facts;
  ledger_.put(a);
  ledger_.put(b);
  EXPECT_EQ(outlook("b").available, 13);
}

TEST_F(LedgerOf, TheLeastThatIsToldCounts) {
  Account a = account("a", 1, 1);
  Account b = account("b", 1, 1);
  a.facts = told(100);
  b.facts = told(50);
  ledger_.put(a);
  ledger_.put(b);
  EXPECT_EQ(outlook("a").server_max, 50);
  EXPECT_EQ(outlook("b").server_max, 50);
}

TEST_F(LedgerOf, WhatWasToldBeforeTheServerStartedAnewCountsNoMore) {
  Account a = account("a", 1, 1);
  Account b = account("b", 1, 1);
  a.facts = told(50);
  a.facts->facts.started_at = 1'000;
  a.facts->facts.read_at = 2'000;
  ledger_.put(a);
  b.facts = told(100);
  b.facts->facts.started_at = 3'000;
  b.facts->facts.read_at = 4'000;
  b.facts->read = kStart + 30s;
  ledger_.put(b);
  now_ = kStart + 30s;
  EXPECT_EQ(outlook("b").server_max, 50) << "a may be about to tell again";
  b.facts->read = now_ = kStart + 100s;
  ledger_.put(b);
  EXPECT_EQ(outlook("b").server_max, 100);
  // Who tells of a start that never was does not silence who goes on telling.
  a.facts->read = kStart + 90s;
  a.facts->facts.read_at = 2'500;
  ledger_.put(a);
  now_ += 10s;
  EXPECT_EQ(outlook("b").server_max, 50);
}

TEST_F(LedgerOf, OnAnUnknownServerOneFirstPodStartsAfterTheOther) {
  for (int i = 0; i < 20; ++i) {
    Account a = account(std::to_string(10 + i), 0, 0);
    a.created = i / 2;
    ledger_.put(a);
  }
  const auto may_start = [&] {
    int count = 0;
    for (int i = 0; i < 20; ++i) count += outlook(std::to_string(10 + i)).lone_pod ? 1 : 0;
    return count;
  };
  EXPECT_EQ(may_start(), 1);
  EXPECT_TRUE(outlook("10").lone_pod);
  EXPECT_EQ(share("10"), (Share{1, 1}));
  EXPECT_EQ(share("11").pods, 0);
  EXPECT_FALSE(ledger_.raise("11", 1, 1, now_));
  EXPECT_TRUE(ledger_.raise("10", 1, 1, now_));
  EXPECT_EQ(may_start(), 0);
  EXPECT_FALSE(ledger_.raise("10", 2, 1, now_));
  now_ += Ledger::kFirstPodPatience;
  EXPECT_EQ(may_start(), 1);
  EXPECT_TRUE(ledger_.raise("11", 1, 1, now_));
  EXPECT_EQ(may_start(), 0);
  Account first = account("10", 1, 1);
  first.facts = told(100);
  ledger_.put(first);
  EXPECT_TRUE(ledger_.raise("12", 3, 1, now_));
}

TEST_F(LedgerOf, WithoutALimitKnownRunningPodsKeepTheirs) {
  Account a = account("a", 3, 9);
  a.servers = {"typo.team:5432", "db.team:5432"};
  ledger_.put(a);
  EXPECT_EQ(share("a"), (Share{3, 9}));
  EXPECT_EQ(ledger_.claimed("typo.team:5432"), 27);
  EXPECT_TRUE(ledger_.raise("a", 3, 9, now_));
  EXPECT_FALSE(ledger_.raise("a", 3, 10, now_));
  EXPECT_FALSE(ledger_.raise("a", 4, 9, now_));
}

TEST_F(LedgerOf, TheLastPodOfAServerStaysToSeeItGrow) {
  Account a = account("a", 3, 5);
  a.facts = told(13);
  ledger_.put(a);
  Account b = account("b", 0, 0);
  b.created = 1;
  ledger_.put(b);
  EXPECT_EQ(share("a"), (Share{1, 1}));
  EXPECT_TRUE(outlook("a").lone_pod);
  EXPECT_EQ(share("b").pods, 0);
  EXPECT_FALSE(outlook("b").lone_pod);
}

// What others do with their limits within their shares makes nobody compute again.
TEST_F(LedgerOf, SharesAreComputedWhenSomethingChangesThatTheyDependOn) {
  constexpr int kPools = 2'000;
  for (int i = 0; i < kPools; ++i) {
    Account a = account(std::to_string(i), 3, 1);
    a.created = i;
    a.facts = told(18'013);
    ledger_.put(a);
  }
  EXPECT_EQ(share("0"), (Share{3, 3}));
  const std::int64_t before = ledger_.computations();
  for (int i = 0; i < kPools; ++i) {
    Account a = account(std::to_string(i), 3, 3);
    a.created = i;
    a.facts = told(18'013);
    a.facts->read += 5s;
    a.facts->facts.sessions = i;
    ledger_.put(a);
    EXPECT_TRUE(ledger_.raise(a.uid, 3, 3, now_));
  }
  EXPECT_EQ(ledger_.computations(), before);
  EXPECT_EQ(ledger_.claimed("db.team:5432"), kPools * 9);
  EXPECT_EQ(outlook("7").others.hold, (kPools - 1) * 9);
}

}  // namespace
}  // namespace storagepool::sizing
