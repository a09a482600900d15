#include "pool/common/http/limits/room.h"

#include <gtest/gtest.h>

namespace storagepool::http {
namespace {

using namespace std::chrono_literals;

const runtime::TimePoint kLongAgo{};

TEST(Room, TheLongestIdleGoesFirst) {
  const Standing old{.idle = true, .of_client = 3, .since = kLongAgo};
  const Standing young{.idle = true, .of_client = 3, .since = kLongAgo + 1s};
  EXPECT_TRUE(closed_before(old, young));
  EXPECT_FALSE(closed_before(young, old));
}

TEST(Room, WhoHoldsMostClosesItsOwn) {
  const Standing hoarder{.idle = true, .of_client = 60, .since = kLongAgo + 1h};
  const Standing other{.idle = true, .of_client = 1, .since = kLongAgo};
  EXPECT_TRUE(closed_before(hoarder, other));
}

TEST(Room, WhatGetsOnStaysBeforeWhatDoesNot) {
  const Standing upload{.of_client = 60, .since = kLongAgo, .bytes_per_second = 80'000};
  const Standing idle{.idle = true, .of_client = 1, .since = kLongAgo + 1h};
  EXPECT_TRUE(closed_before(idle, upload));
  EXPECT_FALSE(closed_before(upload, idle));
}

TEST(Room, WhereAllGetOnTheSlowestGoes) {
  const Standing fast{.of_client = 2, .since = kLongAgo, .bytes_per_second = 80'000};
  const Standing slow{.of_client = 2, .since = kLongAgo + 1h, .bytes_per_second = 2000};
  EXPECT_TRUE(closed_before(slow, fast));
}

}  // namespace
}  // namespace storagepool::http
