#include "pool/tables/store_error.h"

#include <gtest/gtest.h>

namespace storagepool::tables {
namespace {

using namespace std::chrono_literals;
using engine::AcquireError;
using Kind = StoreError::Kind;

StoreError of(const std::string& sqlstate) {
  return to_store_error(postgres::Error{postgres::classify(sqlstate), sqlstate, "", "said"});
}

TEST(StoreErrorTest, OnlyTheRowsFaultIsRejected) {
  for (const char* sqlstate : {"22P02", "23502", "54001", "P0001"}) {
    EXPECT_EQ(of(sqlstate).kind, Kind::kRejected) << sqlstate;
    EXPECT_EQ(of(sqlstate).detail, "said");
  }
}

TEST(StoreErrorTest, WhatTheClientCannotMendIsUnavailable) {
  for (const char* sqlstate : {"08006", "23514", "40001", "53200", "57014", "57P01", ""}) {
    EXPECT_EQ(of(sqlstate).kind, Kind::kUnavailable) << sqlstate;
    EXPECT_GE(of(sqlstate).retry_after, 1s);
    EXPECT_FALSE(of(sqlstate).needs_person) << sqlstate;
  }
  for (const char* sqlstate : {"25006", "42501", "42P01", "42P05", "53100", "54000", "58030", "XX001"}) {
    EXPECT_EQ(of(sqlstate).kind, Kind::kUnavailable) << sqlstate;
    EXPECT_GE(of(sqlstate).retry_after, 1s);
    EXPECT_TRUE(of(sqlstate).needs_person) << sqlstate;
    EXPECT_EQ(of(sqlstate).sqlstate, sqlstate);
  }
}

TEST(StoreErrorTest, AMissingDatabaseIsNamedHoweverItWasFound) {
  EXPECT_EQ(of("3D000").kind, Kind::kDatabaseMissing);
  EXPECT_EQ(to_store_error(AcquireError{AcquireError::Reason::kDatabaseClosed, "", {}}).kind,
            Kind::kDatabaseMissing);
  EXPECT_EQ(to_store_error(AcquireError{AcquireError::Reason::kConnectFailed, "gone (3D000)", {}}).kind,
            Kind::kDatabaseMissing);
}

TEST(StoreErrorTest, NoConnectionIsUnavailableAndTooManyWaitersAreTold) {
  EXPECT_EQ(to_store_error(AcquireError{}).kind, Kind::kUnavailable);
  EXPECT_EQ(to_store_error(AcquireError{AcquireError::Reason::kTooManyWaiters, "", {}}).kind,
            Kind::kOverloaded);
}

}  // namespace
}  // namespace storagepool::tables
