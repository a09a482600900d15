#include "pool/common/runtime/startup_code.h"

#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace storagepool::runtime {
namespace {

// Of this process, from files; in KiB.
long resident_from_files() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssFile:")) return std::stol(line.substr(8));
  }
  return 0;
}

TEST(StartupCode, LeavesTheResidentSetAndComesBackAsItIsUsed) {
  const long before = resident_from_files();
  release_startup_code();
  EXPECT_LT(resident_from_files(), before);
  EXPECT_GT(resident_from_files(), 0) << "what runs is there again";
}

}  // namespace
}  // namespace storagepool::runtime
