// A damaged journal in a process that ends at an operation of the disk while it salvages.
#include <algorithm>
#include <fstream>

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool/common/runtime/files.h"
#include "pool/journal/testing/faulty_vfs.h"
#include "pool/journal/testing/journal_fixture.h"

namespace storagepool::journal {
namespace {

using testing::FaultyVfs;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::numbered_unit;

class JournalSalvageCrashTest : public testing::JournalTest {
 protected:
  void fill() {
    open();
    for (int i = 0; i < 8; ++i) {
      must_append(numbered_unit(1, i, 1, i == 3 ? 9000 : 700));
      kept_.push_back(id(1, i));
    }
    close();
    damaged_ = runtime::read_file(path(), std::size_t{64} * 1024 * 1024).value();
    constexpr std::size_t kPage = 4096;
    damaged_.replace(0, kPage, std::string(kPage, '#'));
  }
  void put_damaged() const {
    for (const std::string& name : files()) std::filesystem::remove(folder_ / name);
    std::ofstream(path(), std::ios::binary) << damaged_;
  }
  // True when it came to its end by itself.
  bool child_finishes(int operation, FaultyVfs::Ending ending) {
    const pid_t child = ::fork();
    if (child == 0) {
      FaultyVfs disk;
      disk.end_process_at(operation, ending);
      boost::asio::io_context context;
      ::_exit(Journal::open(context.get_executor(), options()) ? 0 : 1);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(status == 0 || WIFSIGNALED(status)) << status;
    return status == 0;
  }
  void ends_at(FaultyVfs::Ending ending, int every) {
    fill();
    int operation = 1;
    for (bool finished = false; !finished; operation += every) {
      SCOPED_TRACE("operation " + std::to_string(operation));
      ASSERT_LT(operation, 1000);
      put_damaged();
      finished = child_finishes(operation, ending);
      open();
      EXPECT_EQ(ids(), kept_);
      journal_.reset();
      for (const std::string& name : files()) EXPECT_THAT(name, Not(HasSubstr("salvage"))) << name;
      if (HasFailure()) return;
    }
    EXPECT_GT(operation, 20);
  }

  std::vector<std::string> kept_;
  std::string damaged_;
};

TEST_F(JournalSalvageCrashTest, IsKilled) {
  ends_at(FaultyVfs::Ending::kKilled, 3);
}

TEST_F(JournalSalvageCrashTest, IsKilledInTheMiddleOfAWrite) {
  ends_at(FaultyVfs::Ending::kTorn, 3);
}

TEST_F(JournalSalvageCrashTest, LosesPower) {
  ends_at(FaultyVfs::Ending::kPowerCut, 1);
}

}  // namespace
}  // namespace storagepool::journal
