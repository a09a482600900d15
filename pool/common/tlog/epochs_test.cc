#include "pool/common/tlog/epochs.h"

#include <gtest/gtest.h>

namespace storagepool::tlog {
namespace {

TEST(Epochs, AreToldByTheOriginAlone) {
  EXPECT_EQ(epoch_origin("log.example/a", 1), "log.example/a");
  EXPECT_EQ(epoch_origin("log.example/a", 2), "log.example/a/e2");
  for (const std::int64_t epoch : {std::int64_t{1}, std::int64_t{2}, std::int64_t{10}, INT64_MAX})
    EXPECT_EQ(epoch_of(epoch_origin("a", epoch), "a"), epoch);
  for (const char* other : {"", "b", "a/", "a/e", "a/e1", "a/e0", "a/e-2", "a/e02", "a/e2x", "a/e2/e2",
                            "a/f2", "ab", "a/e99999999999999999999"})
    EXPECT_EQ(epoch_of(other, "a"), std::nullopt) << other;
}

}  // namespace
}  // namespace storagepool::tlog
