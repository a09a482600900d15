#include "pool/common/runtime/files.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::runtime {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;

class Files : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void put(const std::string& name, std::string_view contents) const {
    std::ofstream(path(name), std::ios::binary) << contents;
  }
  TemporaryFolder folder_;
};

TEST_F(Files, ReadsUpToTheBoundAndNotAByteMore) {
  put("f", "12345678");
  EXPECT_EQ(read_file(path("f"), 8), "12345678");
  const auto refused = read_file(path("f"), 7);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error(), HasSubstr(path("f") + ": larger than 7 bytes"));
}

TEST_F(Files, ReadsAnEmptyFile) {
  put("f", "");
  EXPECT_EQ(read_file(path("f"), 0), "");
}

TEST_F(Files, ReadsFilesWhoseSizeIsNotTold) {
  const auto contents = read_file("/proc/self/status", std::size_t{64} * 1024);
  ASSERT_TRUE(contents) << contents.error();
  EXPECT_THAT(*contents, HasSubstr("Pid:"));
  EXPECT_FALSE(read_file("/proc/self/status", 10));
}

TEST_F(Files, SaysWhyAFileCannotBeRead) {
  EXPECT_THAT(read_file(path("absent"), 10).error(), HasSubstr("absent: No such file or directory"));
  EXPECT_THAT(read_file(folder_.path().string(), 10).error(), HasSubstr("not a regular file"));
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(read_file(path("pipe"), 10).error(), HasSubstr("not a regular file"));
}

TEST_F(Files, WritesAndReplacesLeavingNothingElse) {
  ASSERT_TRUE(write_file_durably(path("f"), "old"));
  ASSERT_TRUE(write_file_durably(path("f"), "new"));
  EXPECT_EQ(read_file(path("f"), 100), "new");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
  EXPECT_EQ(std::filesystem::status(path("f")).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(Files, ALeftoverOfACrashIsOverwritten) {
  put("f.tmp", "half of something longer");
  ASSERT_TRUE(write_file_durably(path("f"), "new"));
  EXPECT_EQ(read_file(path("f"), 100), "new");
}

TEST_F(Files, AFailedWriteLeavesTheOldContents) {
  std::filesystem::create_directories(path("d/inside"));
  const auto refused = write_file_durably(path("d"), "x");  // rename(2) over a folder fails
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error(), HasSubstr("cannot replace " + path("d")));
  EXPECT_TRUE(std::filesystem::exists(path("d/inside")));
  EXPECT_FALSE(std::filesystem::exists(path("d.tmp")));
  EXPECT_FALSE(write_file_durably(path("absent/f"), "x"));
}

TEST_F(Files, DoesNotFollowALinkInTheTemporarysPlace) {
  put("victim", "safe");
  std::filesystem::create_symlink(path("victim"), path("f.tmp"));
  EXPECT_FALSE(write_file_durably(path("f"), "x"));
  EXPECT_EQ(read_file(path("victim"), 100), "safe");
}

}  // namespace
}  // namespace storagepool::runtime
