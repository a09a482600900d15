#include "pool/common/runtime/memory_file.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

namespace storagepool::runtime {
namespace {

std::string whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(MemoryFile, IsReadByItsPathAsOftenAsOneLikesAndGoesWithItsObject) {
  const std::string contents = std::string(100'000, 'x') + "\0end";
  std::string path;
  {
    const MemoryFile file(contents);
    path = file.path();
    EXPECT_EQ(whole(path), contents);
    EXPECT_EQ(whole(path), contents);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace storagepool::runtime
