#include "operator/manager/issuer_watch.h"

#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/testing/fake_transport.h"

namespace storagepool::manager {
namespace {

using namespace std::chrono_literals;
using kube::ApiError;
using kube::ApiRequest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Body = tl::expected<std::string, ApiError>;

constexpr IssuerWatchTimes kOften{.refresh = 10ms, .retry = 1ms, .longest_retry = 4ms};

class IssuerWatchTest : public ::testing::Test {
 protected:
  Body answer(const ApiRequest& request) {
    ++asked_;
    if (away_)
      return tl::unexpected(ApiError{.status = 503, .reason = "ServiceUnavailable", .message = "away"});
    if (request.path == "/.well-known/openid-configuration") return std::string(R"({"issuer":"https://i"})");
    EXPECT_EQ(request.path, "/openid/v1/jwks");
    EXPECT_EQ(request.accept, "application/jwk-set+json") << "it answers 406 to any other";
    return R"({"keys":[{"kty":"RSA","kid":")" + std::to_string(generation_) + R"(","n":"n","e":"AQAB"}]})";
  }
  // Polls, with a deadline.
  template <typename Condition>
  static bool eventually(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(1ms);
    }
    return true;
  }

  std::atomic<int> asked_{0};
  std::atomic<int> generation_{1};
  std::atomic<bool> away_{false};
  std::atomic<int> changes_{0};
  kube::FakeTransport transport_{[this](const ApiRequest& request) { return answer(request); }};
  std::stop_source stop_;
};

TEST_F(IssuerWatchTest, ReadsAtOnceAndTellsOnlyOfWhatDiffers) {
  IssuerWatch watch(
      transport_, [] { return std::string(); }, [this] { ++changes_; }, kOften);
  ASSERT_TRUE(watch.wait(30s, stop_.get_token()));
  const auto first = watch.current().issuer;
  EXPECT_EQ(first->issuer, "https://i");
  EXPECT_THAT(first->audiences, ElementsAre("https://i"));
  const int before = asked_;
  EXPECT_TRUE(eventually([&] { return asked_ > before + 10; })) << "it is read again";
  EXPECT_EQ(watch.current().issuer, first) << "and nothing is new";
  EXPECT_EQ(changes_, 1);
  generation_ = 2;
  EXPECT_TRUE(eventually([&] { return changes_ == 2; }));
  EXPECT_EQ(watch.current().issuer->keys[0]["kid"], "2");
}

TEST_F(IssuerWatchTest, WhatWasReadStaysWhileTheApiServerIsAway) {
  IssuerWatch watch(
      transport_, [] { return std::string(); }, [this] { ++changes_; }, kOften);
  ASSERT_TRUE(watch.wait(30s, stop_.get_token()));
  const auto first = watch.current().issuer;
  away_ = true;
  EXPECT_TRUE(eventually([&] { return !watch.current().failure.empty(); }));
  EXPECT_EQ(watch.current().issuer, first);
  away_ = false;
  EXPECT_TRUE(eventually([&] { return watch.current().failure.empty(); }));
  EXPECT_EQ(changes_, 1);
}

TEST_F(IssuerWatchTest, WhatNeverCameHasAReason) {
  away_ = true;
  IssuerWatch watch(
      transport_, [] { return std::string(); }, [this] { ++changes_; }, kOften);
  EXPECT_TRUE(eventually([&] { return asked_ > 3; }));
  EXPECT_FALSE(watch.wait(1ms, stop_.get_token()));
  EXPECT_EQ(watch.current().issuer, nullptr);
  EXPECT_THAT(watch.current().failure, HasSubstr("/.well-known/openid-configuration: "));
  EXPECT_EQ(changes_, 0);
}

TEST_F(IssuerWatchTest, EndsAtOnce) {
  const auto begun = std::chrono::steady_clock::now();
  {
    IssuerWatch watch(
        transport_, [] { return std::string(); }, [] {}, {.refresh = 1h, .retry = 1h, .longest_retry = 1h});
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 30s);
}

}  // namespace
}  // namespace storagepool::manager
