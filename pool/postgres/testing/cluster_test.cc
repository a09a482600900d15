#include "pool/postgres/testing/cluster.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::postgres::testing {
namespace {

namespace fs = std::filesystem;

class ClusterTemplate : public ::testing::Test {
 protected:
  // What stands for initdb: a folder with one file that says who made it.
  void make(const std::string& name, const fs::path& cache, int* made = nullptr) {
    make_cluster(cache, "key", folder_ / name, folder_ / "log", [&] {
      if (made != nullptr) ++*made;
      fs::create_directory(folder_ / name);
      std::ofstream(folder_ / name / "maker") << name;
    });
  }
  std::string maker(const fs::path& cluster) const {
    std::string text;
    std::ifstream(cluster / "maker") >> text;
    return text;
  }

  runtime::testing::TemporaryFolder folder_;
  fs::path cache_ = folder_ / "cache";
};

TEST_F(ClusterTemplate, IsMadeOnceAndCopied) {
  int made = 0;
  make("first", cache_, &made);
  make("second", cache_, &made);
  EXPECT_EQ(made, 1);
  EXPECT_EQ(maker(folder_ / "second"), "first");
}

TEST_F(ClusterTemplate, DoesNotSeeWhatIsDoneToAClusterOfIt) {
  make("first", cache_);
  std::ofstream(folder_ / "first" / "maker") << "changed";
  make("second", cache_);
  std::ofstream(folder_ / "second" / "maker") << "changed";
  make("third", cache_);
  EXPECT_EQ(maker(folder_ / "third"), "first");
}

TEST_F(ClusterTemplate, IsNotTheHalfOfOneThatDied) {
  fs::create_directories(cache_ / "key.half");
  std::ofstream(cache_ / "key.half" / "rest") << "rest";
  int made = 0;
  make("first", cache_, &made);
  EXPECT_EQ(made, 1);
  make("second", cache_, &made);
  EXPECT_EQ(maker(folder_ / "second"), "first");
  EXPECT_FALSE(fs::exists(folder_ / "second" / "rest"));
  EXPECT_FALSE(fs::exists(cache_ / "key.half"));
}

TEST_F(ClusterTemplate, IsNotMadeOfAFailedOne) {
  EXPECT_THROW(make_cluster(cache_, "key", folder_ / "failed", folder_ / "log",
                            [] { throw std::runtime_error("initdb failed"); }),
               std::runtime_error);
  int made = 0;
  make("first", cache_, &made);
  EXPECT_EQ(made, 1);
}

TEST_F(ClusterTemplate, IsDoneWithoutWhereThereIsNoCache) {
  std::ofstream(folder_ / "file") << "no folder";
  int made = 0;
  make("first", {}, &made);
  make("second", folder_ / "file" / "cache", &made);
  EXPECT_EQ(made, 2);
  EXPECT_EQ(maker(folder_ / "second"), "second");
}

// Each of two processes begins only once both are there; whoever is second finds the lock taken or the
// template made.
TEST_F(ClusterTemplate, IsMadeByOneOfTwoThatComeAtTheSameTime) {
  std::array<int, 2> gate{};
  ASSERT_EQ(pipe(gate.data()), 0);
  std::array<pid_t, 2> children{};
  for (const std::string name : {"first", "second"}) {
    const pid_t child = fork();
    if (child == 0) {
      close(gate[1]);
      char opened = 0;
      if (read(gate[0], &opened, 1) != 0) _exit(1);
      make(name, cache_);
      _exit(0);
    }
    children[name == "first" ? 0 : 1] = child;
  }
  close(gate[0]);
  close(gate[1]);
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_NE(maker(folder_ / "first"), "");
  EXPECT_EQ(maker(folder_ / "first"), maker(folder_ / "second"));
}

}  // namespace
}  // namespace storagepool::postgres::testing
