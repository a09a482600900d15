// Many users at once: a hundred, five hundred on pools of two sizes, as people come and without a pause, and
// twelve writers on pools of two sizes.
#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "e2e/load/under_load.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr auto kTime = 20s;
constexpr double kPeakRate = 2500;  // requests a second
constexpr double kPeakLimit = 100;  // ms, of 95 % of the answers
constexpr int kFew = 3;             // connections

class UsersAreServed : public UnderLoad {};

TEST_F(UsersAreServed, AHundred) {
  ASSERT_NO_FATAL_FAILURE(start(2, {{"pool", {{"maxOpenConns", 25}}}}));
  const Answers answers = serve({.writers = 80, .readers = 20, .time = kTime});
  write(
      {.name = "1-baseline",
       .title = "Baseline: 100 users",
       .how =
           "80 users write events, 20 read the events of a correlation, each the next as soon as the last is "
           "answered; 2 pods of 25 connections",
       .thresholds = of_errors(answers),
       .figures = figures_of(answers),
       .lines = answers.lines()});
}

TEST_F(UsersAreServed, FiveHundredOnTwentyAndOnFiftyConnections) {
  constexpr int kPods = 1;
  ASSERT_NO_FATAL_FAILURE(start(kPods, {{"pool", {{"maxOpenConns", 20}}}}));
  for (const int connections : {20, 50}) {
    ASSERT_NO_FATAL_FAILURE(resize(kPods, connections, connections));
    const Answers answers = serve({.writers = 400, .readers = 100, .time = kTime, .rate = kPeakRate});
    Outcome outcome{.name = "2-peak-" + std::to_string(connections),
                    .title = "Peak: 500 users on a pool of " + std::to_string(connections),
                    .how =
                        "400 users write events, 100 read, five requests a second each; latencies count from "
                        "when a request was due; 1 pod",
                    .thresholds = of_errors(answers),
                    .figures = figures_of(answers),
                    .lines = answers.lines()};
    outcome.thresholds.push_back(
        {.what = "95 % are answered within", .value = answers.p95, .limit = kPeakLimit, .unit = "ms"});
    write(outcome);
  }
}

// Who comes too often waits, and is not refused.
TEST_F(UsersAreServed, FiveHundredWithoutAPause) {
  constexpr int kPods = 1;
  ASSERT_NO_FATAL_FAILURE(start(kPods, {{"pool", {{"maxOpenConns", 20}}}}));
  for (const int connections : {20, kFew}) {
    ASSERT_NO_FATAL_FAILURE(resize(kPods, connections, connections));
    const auto waits_before = waits();
    const Answers answers = serve({.writers = 400, .readers = 100, .time = kTime});
    const auto waited = waits() - waits_before;
    Outcome outcome{
        .name = "3-without-pause-" + std::to_string(connections),
        .title = "Without a pause: 500 users on a pool of " + std::to_string(connections),
        .how = "400 users write events, 100 read, each the next as soon as the last is answered; 1 pod",
        .thresholds = of_errors(answers),
        .figures = figures_of(answers),
        .lines = answers.lines()};
    if (connections == kFew) {
      outcome.thresholds.push_back({.what = "requests that waited for a connection",
                                    .value = static_cast<double>(waited),
                                    .limit = 1,
                                    .at_least = true});
    } else {
      outcome.figures.emplace_back("requests that waited for a connection", std::to_string(waited));
    }
    write(outcome);
  }
}

TEST_F(UsersAreServed, TwelveWritersOnTwoSizesOfPool) {
  constexpr int kPods = 1;
  struct Size {
    int open;
    int idle;
  };
  ASSERT_NO_FATAL_FAILURE(start(kPods, {{"pool", {{"maxOpenConns", 25}, {"maxIdleConns", 5}}}}));
  for (const Size size : {Size{25, 5}, Size{100, 50}}) {
    ASSERT_NO_FATAL_FAILURE(resize(kPods, size.open, size.idle));
    const Answers answers = serve({.writers = 12, .time = kTime});
    const std::string name = std::to_string(size.open) + "/" + std::to_string(size.idle);
    write({.name = "6-writers-" + std::to_string(size.open),
           .title = "12 writers on " + name,
           .how = "12 users write events as fast as they are acknowledged; 1 pod with " + name +
                  " open and idle connections, changed while it runs",
           .thresholds = of_errors(answers),
           .figures = figures_of(answers),
           .lines = answers.lines()});
  }
}

}  // namespace
}  // namespace storagepool::e2e
