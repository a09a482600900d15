// A burst of users comes and goes while others write as ever.
#include <algorithm>
#include <chrono>
#include <future>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "e2e/load/under_load.h"

namespace storagepool::e2e {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto kBefore = 6s;
constexpr auto kBurst = 10s;
constexpr auto kAfter = 8s;
constexpr double kRecovery = 2;     // seconds
constexpr double kNoticeable = 20;  // ms: below, nothing needs to recover
constexpr double kAsBefore = 2;     // times what 95 % took before

class BurstsPass : public UnderLoad {};

TEST_F(BurstsPass, ThreeHundredUsersForTenSeconds) {
  ASSERT_NO_FATAL_FAILURE(start(2, {{"pool", {{"maxOpenConns", 25}}}}));
  const auto origin = steady_clock::now();
  auto others = std::async(std::launch::async, [&] {
    return service().serve({.writers = 4, .time = kBefore + kBurst + kAfter, .rate = 100}, origin);
  });
  std::this_thread::sleep_until(origin + kBefore);
  const auto begun = steady_clock::now();
  const Answers burst = service().serve({.writers = 240, .readers = 60, .time = kBurst}, origin);
  const double end = std::chrono::duration<double>(begun + kBurst - origin).count();
  const Answers steady = others.get();

  std::vector<double> before;
  for (const Sample& answer : steady.each) {
    if (answer.at > 1 && answer.at < std::chrono::duration<double>(kBefore).count())
      before.push_back(answer.value);
  }
  const double limit = std::max(kAsBefore * percentile(before, 0.95), kNoticeable);
  std::vector<Threshold> thresholds = of_errors(burst);
  thresholds.push_back(
      {.what = "errors of the others", .value = static_cast<double>(steady.errors), .limit = 0});
  thresholds.push_back({.what = "the others are served as before within",
                        .value = recovered_after(steady.each, end, limit),
                        .limit = kRecovery,
                        .unit = "s"});
  auto figures = figures_of(burst);
  figures.emplace_back("as before: 95 % of a second's answers within", rounded(limit) + " ms");
  write({.name = "4-spike",
         .title = "Spike: 0, 300, 0 users",
         .how = "300 users come at once and go after 10 s; others write 100 events a second all the time; 2 "
                "pods of "
                "25 connections",
         .thresholds = thresholds,
         .figures = figures,
         .lines = {{.title = "Answers to the burst per second", .unit = "", .samples = burst.rates},
                   {.title = "Latency of the others", .unit = "ms", .samples = steady.each}}});
}

}  // namespace
}  // namespace storagepool::e2e
