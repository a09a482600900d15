#include "pool/common/http/limits/rate_limit.h"

#include <gmock/gmock.h>

namespace storagepool::http {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::make_address;

constexpr ClientKey kAlice{false, 1};
constexpr ClientKey kBob{false, 2};
const RateLimiter::TimePoint kStart{1000h};

ClientKey key(const char* address) {
  return client_key(make_address(address));
}

TEST(RateLimit, AllowsTheBurstAtOnceAndThenTheRate) {
  RateLimiter limiter(2, 3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limiter.take(kAlice, kStart), 0ns);
  EXPECT_EQ(limiter.take(kAlice, kStart), 500ms);
  EXPECT_EQ(limiter.take(kAlice, kStart + 499ms), 1ms);
  EXPECT_EQ(limiter.take(kAlice, kStart + 500ms), 0ns);
  EXPECT_EQ(limiter.take(kAlice, kStart + 500ms), 500ms);
}

TEST(RateLimit, RefusedRequestsCostNothing) {
  RateLimiter limiter(1, 1);
  EXPECT_EQ(limiter.take(kAlice, kStart), 0ns);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(limiter.take(kAlice, kStart + 10ms), 990ms);
  EXPECT_EQ(limiter.take(kAlice, kStart + 1s), 0ns);
}

TEST(RateLimit, AnIdleClientSavesUpNoMoreThanTheBurst) {
  RateLimiter limiter(10, 2);
  EXPECT_EQ(limiter.take(kAlice, kStart), 0ns);
  const auto later = kStart + 24h;
  EXPECT_EQ(limiter.take(kAlice, later), 0ns);
  EXPECT_EQ(limiter.take(kAlice, later), 0ns);
  EXPECT_EQ(limiter.take(kAlice, later), 100ms);
}

TEST(RateLimit, AFractionOfARequestPerSecond) {
  RateLimiter limiter(0.01, 1);
  EXPECT_EQ(limiter.take(kAlice, kStart), 0ns);
  EXPECT_EQ(limiter.take(kAlice, kStart), 100s);
}

TEST(RateLimit, OverTimeExactlyTheRateGetsThrough) {
  RateLimiter limiter(100, 5);
  int allowed = 0;
  for (auto now = kStart; now < kStart + 10s; now += 1ms) {
    if (limiter.take(kAlice, now) == 0ns) ++allowed;
  }
  EXPECT_EQ(allowed, 5 + 100 * 10 - 1);
}

TEST(RateLimit, ClientsDoNotTakeFromEachOther) {
  RateLimiter limiter(1, 1);
  EXPECT_EQ(limiter.take(kAlice, kStart), 0ns);
  EXPECT_EQ(limiter.take(kBob, kStart), 0ns);
  EXPECT_EQ(limiter.take(kAlice, kStart), 1s);
}

TEST(RateLimit, TheTableIsBoundedAndShrinksWhenBucketsAreFull) {
  RateLimiter limiter(1, 1, 100);
  for (std::uint64_t i = 0; i < 1000; ++i) EXPECT_EQ(limiter.take({true, i}, kStart), 0ns);
  EXPECT_EQ(limiter.clients(), 100U);
  for (int i = 0; i < 100; ++i) limiter.take(kAlice, kStart + 1h);
  EXPECT_EQ(limiter.clients(), 1U);
}

TEST(RateLimit, AFloodOfOtherAddressesDoesNotForgiveASpentBurst) {
  constexpr int kBurst = 10;
  RateLimiter limiter(1, kBurst, 100);
  for (int i = 0; i < kBurst; ++i) EXPECT_EQ(limiter.take(kAlice, kStart), 0ns);
  // A few requests from each of many more addresses than the table holds.
  for (std::uint64_t i = 0; i < 100'000; ++i) limiter.take({true, i % 5000}, kStart);
  EXPECT_EQ(limiter.clients(), 100U);
  EXPECT_EQ(limiter.take(kAlice, kStart), 1s);
}

TEST(RateLimit, ClientsAreIPv4AddressesAndIPv6Networks) {
  EXPECT_EQ(key("192.0.2.1"), (ClientKey{false, 0xC0000201}));
  EXPECT_EQ(key("::ffff:192.0.2.1"), key("192.0.2.1"));
  EXPECT_NE(key("192.0.2.2"), key("192.0.2.1"));
  EXPECT_EQ(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff:ffff:ffff:ffff"));
  EXPECT_NE(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
  EXPECT_NE(key("::c000:201"), key("192.0.2.1"));
}

}  // namespace
}  // namespace storagepool::http
