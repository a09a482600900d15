// The tests of sealing find every fault that is planted in it: those that a fault names fail with it, and
// pass without.
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace storagepool::evidence {
namespace {

struct Fault {
  std::string name;
  std::string tests;  // as --gtest_filter takes them
};

std::vector<Fault> faults() {
  const std::string name = "## ";
  const std::string tests = "by ";
  std::vector<Fault> faults;
  std::ifstream list(STORAGEPOOL_MUTATIONS);
  for (std::string line; std::getline(list, line);) {
    if (line.starts_with(name)) faults.push_back({line.substr(name.size()), ""});
    if (line.starts_with(tests)) faults.back().tests = line.substr(tests.size());
  }
  return faults;
}

// The exit status of the tests.
int run(const std::string& planted, const std::string& tests) {
  const std::string command =
      "STORAGEPOOL_PLANTED=" + planted +
      " GTEST_OUTPUT= '" STORAGEPOOL_MUTANTS "' --gtest_fail_fast '--gtest_filter=" + tests +
      "' >/dev/null 2>&1";
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(SealingMutants, NoFaultIsFoundWhereNoneIsPlanted) {
  std::string all;
  for (const Fault& fault : faults()) all += (all.empty() ? "" : ":") + fault.tests;
  EXPECT_EQ(run("nothing", all), 0);
}

class SealingMutantsTest : public ::testing::TestWithParam<Fault> {};

TEST_P(SealingMutantsTest, IsFound) {
  ASSERT_NE(GetParam().tests, "");
  EXPECT_EQ(run(GetParam().name, GetParam().tests), 1) << "survives, or ended the tests otherwise";
}

INSTANTIATE_TEST_SUITE_P(Planted, SealingMutantsTest, ::testing::ValuesIn(faults()), [](const auto& fault) {
  std::string name = fault.param.name;
  std::erase(name, '-');
  return name;
});

}  // namespace
}  // namespace storagepool::evidence
