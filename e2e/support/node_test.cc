#include "e2e/support/node.h"

#include <gtest/gtest.h>

namespace storagepool::e2e {
namespace {

TEST(Node, WhatCannotBeReadToItsEndIsWhatWasReadUntilThen) {
  EXPECT_EQ(contents_of("/proc/self/comm"), "e2e_test\n");
  EXPECT_EQ(contents_of("/proc/self"), "") << "a folder: open it can be, and not read";
  EXPECT_EQ(contents_of("/proc/none"), "");
}

}  // namespace
}  // namespace storagepool::e2e
