#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "e2e/load/judge.h"
#include "e2e/load/report.h"

namespace storagepool::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kNever = std::numeric_limits<double>::infinity();

// One every tenth of a second, from 0 to `seconds`.
std::vector<Sample> samples(double seconds, const auto& value) {
  std::vector<Sample> made;
  for (int i = 0; i <= static_cast<int>(seconds * 10); ++i) made.push_back({i / 10.0, value(i / 10.0)});
  return made;
}

TEST(ThresholdTest, IsMetAtItsLimitAndNeverByWhatWasNotReached) {
  EXPECT_TRUE((Threshold{.what = "p95", .value = 100, .limit = 100}.met()));
  EXPECT_FALSE((Threshold{.what = "p95", .value = 100.1, .limit = 100}.met()));
  EXPECT_FALSE((Threshold{.what = "p95", .value = kNever, .limit = 100}.met()));
  EXPECT_FALSE((Threshold{.what = "p95", .value = std::nan(""), .limit = 100}.met()));
  EXPECT_TRUE((Threshold{.what = "flows", .value = 100, .limit = 100, .at_least = true}.met()));
  EXPECT_FALSE((Threshold{.what = "flows", .value = 99.9, .limit = 100, .at_least = true}.met()));
  EXPECT_FALSE((Threshold{.what = "flows", .value = std::nan(""), .limit = 100, .at_least = true}.met()));
}

TEST(Growth, IsWhatALeakAddsInTheTimeThatIsLookedAt) {
  EXPECT_NEAR(growth(samples(120, [](double at) { return 50 + at / 10; })), 9, 0.1);
}

TEST(Growth, IsNoneOfWhatGoesUpAndDownOrHasASinglePeak) {
  EXPECT_NEAR(growth(samples(120, [](double at) { return 50 + std::sin(at); })), 0, 0.1);
  EXPECT_NEAR(growth(samples(120, [](double at) { return at == 110 ? 500.0 : 50.0; })), 0, 0.01);
}

TEST(Growth, LeavesOutTheTimeInWhichCachesFill) {
  EXPECT_NEAR(growth(samples(120, [](double at) { return at < 25 ? at : 25; })), 0, 0.01);
}

TEST(Growth, OfManySamplesTakesTheSame) {
  std::vector<Sample> many;
  for (int i = 0; i <= 18'000; ++i) many.push_back({i / 10.0, i / 100.0});
  EXPECT_NEAR(growth(many), 135, 1);
}

TEST(Growth, OfNothingIsNone) {
  EXPECT_EQ(growth({}), 0);
  EXPECT_EQ(growth({{1, 5}}), 0);
}

TEST(RecoveredAfter, IsTheFirstMomentFromWhichASecondIsGood) {
  const auto answers = samples(10, [](double at) { return at < 6.5 ? 200.0 : 5.0; });
  EXPECT_NEAR(recovered_after(answers, 5, 10), 1.5, 1e-9);
}

TEST(RecoveredAfter, IsAtOnceWhereNothingWasSlow) {
  EXPECT_NEAR(recovered_after(samples(10, [](double) { return 5.0; }), 5, 10), 0, 1e-9);
}

TEST(RecoveredAfter, DoesNotTakeAGoodMomentForTheEnd) {
  const auto answers = samples(10, [](double at) { return at < 5.8 || (at > 6 && at < 7) ? 200.0 : 5.0; });
  EXPECT_NEAR(recovered_after(answers, 5, 10), 2, 1e-9);
}

TEST(RecoveredAfter, IsNeverWithoutAWholeGoodSecondAtTheEnd) {
  EXPECT_EQ(recovered_after(samples(10, [](double) { return 200.0; }), 5, 10), kNever);
  EXPECT_EQ(recovered_after(samples(10, [](double at) { return at < 9.5 ? 200.0 : 5.0; }), 5, 10), kNever);
  EXPECT_EQ(recovered_after({}, 5, 10), kNever);
}

TEST(Percentile, IsTheLeastValueThatTheShareDoesNotExceed) {
  EXPECT_EQ(percentile({4, 1, 3, 2}, 0.5), 2);
  EXPECT_EQ(percentile({4, 1, 3, 2}, 0.95), 4);
  EXPECT_EQ(percentile({4, 1, 3, 2}, 0), 1);
  EXPECT_EQ(percentile({}, 0.5), 0);
}

Outcome peak() {
  return {.name = "2-peak",
          .title = "Peak & \"more\" <users>",
          .how = "500 users",
          .thresholds = {{.what = "errors", .value = 0, .limit = 0},
                         {.what = "p95", .value = 61.5, .limit = 100, .unit = "ms"}},
          .figures = {{"answered", "1234"}},
          .lines = {{.title = "requests", .unit = "1/s", .samples = {{0, 10}, {1, 30}}}}};
}

TEST(OutcomeTest, ComesBackFromItsFile) {
  Outcome outcome = peak();
  outcome.thresholds.push_back({.what = "recovery", .value = kNever, .limit = 2, .unit = "s"});
  const Outcome read = outcome_from(nlohmann::json::parse(to_json(outcome).dump()));
  EXPECT_EQ(to_json(read), to_json(outcome));
  EXPECT_FALSE(read.met()) << "what was never reached is not met after a file either";
}

TEST(OutcomeTest, IsNotMetWithoutAThreshold) {
  EXPECT_TRUE(peak().met());
  EXPECT_FALSE((Outcome{.name = "x", .title = "x", .how = ""}.met()));
  EXPECT_FALSE(all_met({}));
}

TEST(PageTest, ShowsEachFigureAndNeedsNothingButItself) {
  const std::string html = page({peak()}, "2 cores");
  for (const char* text : {"Peak &amp; &quot;more&quot; &lt;users&gt;", "61.50 ms", "≤ 100 ms", "1234",
                           "2 cores", "<polyline points=\"70,"}) {
    EXPECT_THAT(html, HasSubstr(text));
  }
  for (const char* text : {"<script", "http:", "https:", "src=", "href=", "url(", "missed\">"})
    EXPECT_THAT(html, Not(HasSubstr(text)));
}

TEST(PageTest, SaysWhatIsMissed) {
  Outcome slow = peak();
  slow.thresholds[1].value = 140;
  EXPECT_THAT(page({peak(), slow}, ""), HasSubstr("Under load <span class=\"missed\">"));
  EXPECT_THAT(verdict({slow}), HasSubstr("MISSED  p95: 140 ms (≤ 100 ms)"));
  EXPECT_THAT(verdict({slow}), HasSubstr("thresholds are missed"));
  EXPECT_THAT(verdict({peak()}), HasSubstr("all thresholds are met"));
  EXPECT_THAT(verdict({}), Not(HasSubstr("met")));
}

}  // namespace
}  // namespace storagepool::e2e
