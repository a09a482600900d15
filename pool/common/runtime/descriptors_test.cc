#include "pool/common/runtime/descriptors.h"

#include <sys/resource.h>

#include <gtest/gtest.h>

namespace storagepool::runtime {
namespace {

TEST(Descriptors, AllThatTheSystemAllowsAreUsed) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 64;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(most_descriptors(), 64U);
  use_all_descriptors();
  EXPECT_EQ(most_descriptors(), before.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace storagepool::runtime
