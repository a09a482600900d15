#include "pool/common/settings/access_log.h"

#include <gtest/gtest.h>

namespace storagepool::settings {
namespace {

TEST(AccessLogSetting, IsOffErrorsOrOneInSoMany) {
  EXPECT_EQ(parse_access_log("off"), AccessLog{});
  EXPECT_EQ(parse_access_log("errors"), (AccessLog{.errors = true}));
  EXPECT_EQ(parse_access_log("1"), (AccessLog{.one_in = 1}));
  EXPECT_EQ(parse_access_log("1000000"), (AccessLog{.one_in = 1'000'000}));
  for (const char* bad : {"", "0", "Off", "all", "1000001", "-1", "1.5", "99999999999999999999"})
    EXPECT_FALSE(parse_access_log(bad)) << bad;
}

}  // namespace
}  // namespace storagepool::settings
