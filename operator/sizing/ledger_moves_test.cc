// The Ledger while pods are to go to another server.
#include <gtest/gtest.h>

#include "operator/sizing/testing/ledger_fixture.h"

namespace storagepool::sizing {
namespace {

class LedgerOfAMove : public testing::LedgerTest {
 protected:
  LedgerOfAMove() {
    mover_.destination = "new.team:5432";
    mover_.facts = testing::told(40);
    ledger_.put(mover_);
  }
  Destination destination() { return outlook("mover").destination.value_or(Destination{}); }

  Account mover_ = testing::account("mover", 3, 9);
};

TEST_F(LedgerOfAMove, OfAnUnknownServerEachPodMayTryOneConnection) {
  EXPECT_FALSE(destination().known);
  EXPECT_EQ(destination().room(3, *mover_.request), 1);
  EXPECT_EQ(ledger_.claimed("new.team:5432"), 0);
  EXPECT_FALSE(ledger_.raise_moved("mover", now_)) << "nine each are not one each";
  EXPECT_TRUE(ledger_.raise_tried("mover", now_));
  EXPECT_EQ(ledger_.claimed("new.team:5432"), 3);
  EXPECT_EQ(ledger_.claimed("db.team:5432"), 27);
}

TEST_F(LedgerOfAMove, ItSharesTheServerWhereItIs) {
  Account newcomer = testing::account("newcomer", 0, 0);
  newcomer.created = 1;
  ledger_.put(newcomer);
  EXPECT_EQ(share("mover"), (Share{3, 5}));
  EXPECT_EQ(share("newcomer"), (Share{3, 4}));
}

TEST_F(LedgerOfAMove, OthersMakeRoomForItToTryAndOnceItIsAdmittedForItsShare) {
  Account there = testing::account("there", 3, 9);
  there.servers = {"new.team:5432"};
  there.facts = testing::told(40);
  ledger_.put(there);
  EXPECT_EQ(share("there"), (Share{3, 8}));
  EXPECT_EQ(destination().room(3, *mover_.request), 0);
  EXPECT_FALSE(ledger_.raise_tried("mover", now_));
  there.existing.limit = there.ceiling = 8;
  ledger_.put(there);
  EXPECT_EQ(destination().room(3, *mover_.request), 1);
  EXPECT_TRUE(ledger_.raise_tried("mover", now_));
  EXPECT_FALSE(ledger_.raise("there", 3, 9, now_));

  mover_.tried = {"new.team:5432"};
  mover_.destination_facts = testing::told(40);
  ledger_.put(mover_);
  EXPECT_EQ(share("there"), (Share{3, 4}));
  there.existing.limit = there.ceiling = 4;
  ledger_.put(there);
  EXPECT_EQ(destination().room(3, *mover_.request), 5);
  EXPECT_FALSE(ledger_.raise_moved("mover", now_));
  mover_.existing.limit = mover_.ceiling = 5;
  ledger_.put(mover_);
  EXPECT_TRUE(ledger_.raise_moved("mover", now_));
  EXPECT_EQ(ledger_.claimed("new.team:5432"), 27);
  EXPECT_EQ(ledger_.claimed("db.team:5432"), 15) << "it may still be there";
}

TEST_F(LedgerOfAMove, PodsAreNotAddedForWhichATriedServerHasNoRoom) {
  Account there = testing::account("there", 3, 8);
  there.servers = {"new.team:5432"};
  there.facts = testing::told(40);
  ledger_.put(there);
  mover_.existing = {.replicas = 3, .peak_pods = 3, .limit = 3};
  mover_.ceiling = 3;
  mover_.tried = {"new.team:5432"};
  ledger_.put(mover_);
  EXPECT_EQ(outlook("mover").pods_that_may_try, 3);
  EXPECT_FALSE(ledger_.raise("mover", 4, 3, now_));
}

TEST_F(LedgerOfAMove, AnotherNameOfTheSameServerIsNoOtherServer) {
  mover_.facts = mover_.destination_facts = testing::told(40, "77");
  mover_.tried = {"new.team:5432"};
  ledger_.put(mover_);
  EXPECT_EQ(ledger_.claimed("new.team:5432"), 27);
  EXPECT_EQ(destination().room(3, *mover_.request), 9);
  EXPECT_TRUE(ledger_.raise_moved("mover", now_));
  EXPECT_EQ(ledger_.claimed("db.team:5432"), 27);
}

}  // namespace
}  // namespace storagepool::sizing
