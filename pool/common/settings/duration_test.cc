#include "pool/common/settings/duration.h"

#include <gtest/gtest.h>

namespace storagepool::settings {
namespace {

using std::chrono::milliseconds;

TEST(Duration, ReadsWhatGoAndKubernetesWrite) {
  EXPECT_EQ(parse_duration("0"), milliseconds{0});
  EXPECT_EQ(parse_duration("0s"), milliseconds{0});
  EXPECT_EQ(parse_duration("250ms"), milliseconds{250});
  EXPECT_EQ(parse_duration("1m30s"), milliseconds{90'000});
  EXPECT_EQ(parse_duration("1.5h"), milliseconds{5'400'000});
  EXPECT_EQ(parse_duration("0.001s"), milliseconds{1});
}

TEST(Duration, RefusesEverythingElse) {
  for (const char* text : {"", "5", "-5s", "+5s", "5 s", "s", "5d", "1.s", ".5s", "0.0001s", "1e3s", "5sx",
                           "200000000h", "99999999999999999999s", "876000h876000h"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
}

TEST(Duration, FormatsShortestAndReadsItBack) {
  EXPECT_EQ(format_duration(milliseconds{0}), "0s");
  EXPECT_EQ(format_duration(milliseconds{300'000}), "5m");
  EXPECT_EQ(format_duration(milliseconds{5'400'001}), "1h30m1ms");
  for (const std::int64_t value : {1, 999, 1000, 60'000, 61'001, 3'600'000, 3'661'001}) {
    EXPECT_EQ(parse_duration(format_duration(milliseconds{value})), milliseconds{value});
  }
}

}  // namespace
}  // namespace storagepool::settings
