#include "pool/common/runtime/cpu_limit.h"

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::runtime {
namespace {

class CpuLimitTest : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = folder_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  std::optional<double> limit() const { return cpu_limit(folder_.path(), folder_ / "own"); }

  testing::TemporaryFolder folder_;
};

TEST_F(CpuLimitTest, IsThatOfTheGroup) {
  EXPECT_EQ(limit(), std::nullopt);
  write("cpu.max", "max 100000\n");
  EXPECT_EQ(limit(), std::nullopt);
  write("cpu.max", "250000 100000\n");
  EXPECT_EQ(limit(), 2.5);
}

TEST_F(CpuLimitTest, IsTheLeastOfItAndThoseAbove) {
  write("own", "0::/pods/burstable/a\n");
  write("pods/burstable/a/cpu.max", "400000 100000\n");
  EXPECT_EQ(limit(), 4.0);
  write("pods/burstable/cpu.max", "max 100000\n");
  write("pods/cpu.max", "150000 50000\n");
  EXPECT_EQ(limit(), 3.0);
}

TEST_F(CpuLimitTest, IsReadOfTheFirstVersionToo) {
  write("own", "9:memory:/other\n4:cpu,cpuacct:/pods/a\n");
  write("other/cpu.max", "100000 100000\n");
  write("cpu,cpuacct/pods/a/cpu.cfs_quota_us", "-1\n");
  write("cpu,cpuacct/pods/a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(limit(), std::nullopt);
  write("cpu,cpuacct/pods/a/cpu.cfs_quota_us", "200000\n");
  EXPECT_EQ(limit(), 2.0);
}

TEST_F(CpuLimitTest, WhatMakesNoSenseIsNone) {
  write("own", "nonsense\n0:\n0::\n");
  for (const char* text : {"", "0 100000", "100000 0", "-1 -1", "100000"}) {
    write("cpu.max", text);
    EXPECT_EQ(limit(), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace storagepool::runtime
