// For tests that say that other tests find every fault that is planted (cmake/plant) in what they test: those
// that a fault names fail with it, and pass without. STORAGEPOOL_MUTATIONS is the list, STORAGEPOOL_MUTANTS
// the program with all faults in it, of which the variable STORAGEPOOL_PLANTED has one on (planted.h).
#pragma once

#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace storagepool::testing {

struct Fault {
  std::string name{};
  std::string tests{};  // as --gtest_filter takes them
};

inline std::vector<Fault> faults() {
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

inline std::string name_of(const ::testing::TestParamInfo<Fault>& fault) {
  std::string name = fault.param.name;
  std::erase(name, '-');
  return name;
}

// The exit status of the tests.
inline int run_planted(const std::string& planted, const std::string& tests) {
  const std::string command =
      "STORAGEPOOL_PLANTED=" + planted +
      " GTEST_OUTPUT= '" STORAGEPOOL_MUTANTS "' --gtest_fail_fast '--gtest_filter=" + tests +
      "' >/dev/null 2>&1";
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

inline int run_unplanted() {
  std::string all;
  for (const Fault& fault : faults()) all += (all.empty() ? "" : ":") + fault.tests;
  return run_planted("nothing", all);
}

}  // namespace storagepool::testing
