#include "pool/service/routes/validation.h"

#include <future>
#include <string>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace storagepool::service {
namespace {

const runtime::Timestamp kMoment = *runtime::parse_timestamp("2026-02-28T12:00:00Z");

std::string body_with(std::size_t bytes) {
  return nlohmann::json{{"version", "1.0"},
                        {"event_type", "t"},
                        {"event_category", "c"},
                        {"event_action", "a"},
                        {"event_outcome", "success"},
                        {"correlation_id", "r"},
                        {"event_timestamp", "2026-02-28T11:59:00Z"},
                        {"event_data", {{"x", std::string(bytes, 'x')}}}}
      .dump();
}

// What it reads, and whether the loop did something else meanwhile.
std::pair<Validation::Events, bool> read(event::Call call, const std::string& body) {
  boost::asio::io_context context;
  Validation validation;
  Validation::Events events;
  bool other_work = false;
  bool other_work_before_end = false;
  const auto work = [&]() -> boost::asio::awaitable<void> {
    boost::asio::post(context, [&] { other_work = true; });
    auto got = co_await validation.read(call, body, kMoment, {});
    events = std::move(got);
    other_work_before_end = other_work;
  };
  boost::asio::co_spawn(context, work, [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  context.run();
  return {std::move(events), other_work_before_end};
}

TEST(Validation, ReadsWhatIsSmallAtOnce) {
  const auto [events, waited] = read(event::Call::kSingle, body_with(100));
  ASSERT_TRUE(events);
  EXPECT_EQ(events->size(), 1U);
  EXPECT_FALSE(waited);
}

TEST(Validation, WhatIsLargeKeepsNobodyWaiting) {
  for (const auto call : {event::Call::kSingle, event::Call::kBatch}) {
    const std::string event = body_with(Validation::kAtOnce);
    const auto [events, waited] = read(call, call == event::Call::kBatch ? "[" + event + "]" : event);
    ASSERT_TRUE(events);
    EXPECT_EQ(events->size(), 1U);
    EXPECT_EQ(events->at(0).event_data.size(), Validation::kAtOnce + 8);
    EXPECT_TRUE(waited);
  }
  const auto [refused, waited] = read(event::Call::kSingle, body_with(Validation::kAtOnce).substr(1));
  EXPECT_FALSE(refused);
  EXPECT_TRUE(waited);
}

// A loop that is torn down meanwhile.
TEST(Validation, MayBeForgottenWhileItReads) {
  Validation validation;
  for (int i = 0; i < 20; ++i) {
    boost::asio::io_context context;
    boost::asio::co_spawn(
        context,
        [&]() -> boost::asio::awaitable<void> {
          co_await validation.read(event::Call::kSingle, body_with(Validation::kAtOnce), kMoment, {});
        },
        [](const std::exception_ptr&) {});
    context.poll_one();
  }
}

}  // namespace
}  // namespace storagepool::service
