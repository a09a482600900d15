#include "pool/service/routes/validation.h"

#include <ctime>

#include <chrono>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
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

std::chrono::nanoseconds processor_time(clockid_t clock) {
  timespec time{};
  EXPECT_EQ(clock_gettime(clock, &time), 0);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

struct Reading {
  Validation::Events events;
  bool by_the_loop;  // it spent most of the processor's time
};

Reading read(event::Call call, std::string body) {
  boost::asio::io_context context;
  Validation validation;
  Reading reading;
  const auto work = [&]() -> boost::asio::awaitable<void> {
    auto got = co_await validation.read(call, std::move(body), kMoment, {});
    reading.events = std::move(got);
  };
  boost::asio::co_spawn(context, work, [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  const auto loop_before = processor_time(CLOCK_THREAD_CPUTIME_ID);
  const auto all_before = processor_time(CLOCK_PROCESS_CPUTIME_ID);
  context.run();
  const auto loop = processor_time(CLOCK_THREAD_CPUTIME_ID) - loop_before;
  reading.by_the_loop = loop > (processor_time(CLOCK_PROCESS_CPUTIME_ID) - all_before) / 2;
  return reading;
}

TEST(Validation, ReadsWhatIsSmallAtOnce) {
  const auto reading = read(event::Call::kSingle, body_with(100));
  ASSERT_TRUE(reading.events);
  EXPECT_EQ(reading.events->size(), 1U);
  EXPECT_TRUE(reading.by_the_loop);
}

TEST(Validation, WhatIsLargeKeepsNobodyWaiting) {
  const std::string event = body_with(Validation::kAtOnce);
  const std::string blanks(64 * Validation::kAtOnce, ' ');  // the reading is what takes time
  for (const auto call : {event::Call::kSingle, event::Call::kBatch}) {
    const auto reading = read(call, blanks + (call == event::Call::kBatch ? "[" + event + "]" : event));
    ASSERT_TRUE(reading.events);
    EXPECT_EQ(reading.events->size(), 1U);
    EXPECT_EQ(reading.events->at(0).event_data.size(), Validation::kAtOnce + 8);
    EXPECT_FALSE(reading.by_the_loop);
  }
  const auto refused = read(event::Call::kSingle, blanks + event.substr(1));
  EXPECT_FALSE(refused.events);
  EXPECT_FALSE(refused.by_the_loop);
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
