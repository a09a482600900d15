#include "pool/common/settings/min_days.h"

#include <gtest/gtest.h>

namespace storagepool::settings {
namespace {

TEST(MinDaysSetting, AreDaysByCategory) {
  EXPECT_EQ(parse_min_days("a=1"), (MinDays{{"a", 1}}));
  EXPECT_EQ(parse_min_days("z.B/x:y_-9=2555,a=30"), (MinDays{{"a", 30}, {"z.B/x:y_-9", 2555}}));
  for (const char* bad : {"", ",", "a", "a=", "=1", "a=0", "a=2556", "a=-1", "a=1.5", "a=1d", "a=1,", ",a=1",
                          "a=1,a=1", "a b=1", "a=1 ", "\xC3\xA4=1", "a=99999999999999999999"})
    EXPECT_FALSE(parse_min_days(bad)) << bad;
}

TEST(MinDaysSetting, AreBoundedInLengthAndNumber) {
  EXPECT_TRUE(parse_min_days(std::string(kMaxCategory, 'a') + "=1"));
  EXPECT_FALSE(parse_min_days(std::string(kMaxCategory + 1, 'a') + "=1"));
  std::string text = "c0=1";
  for (std::size_t i = 1; i < kMaxCategories; ++i) text += ",c" + std::to_string(i) + "=1";
  EXPECT_TRUE(parse_min_days(text));
  EXPECT_FALSE(parse_min_days(text + ",more=1"));
}

TEST(MinDaysSetting, AreWrittenAsTheyAreRead) {
  const MinDays days{{"security", 2555}, {"gateway", 90}};
  EXPECT_EQ(format_min_days(days), "gateway=90,security=2555");
  EXPECT_EQ(parse_min_days(format_min_days(days)), days);
}

}  // namespace
}  // namespace storagepool::settings
