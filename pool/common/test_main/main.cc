// The main program of every test binary: GoogleTest's, and --shard=INDEX/COUNT to run one part of the suites.
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/test_main/shard.h"

int main(int argc, char** argv) {
  ::testing::InitGoogleMock(&argc, argv);
  if (argc == 1) return RUN_ALL_TESTS();
  unsigned shard = 0;
  unsigned shards = 0;
  int end = 0;
  const std::string argument = argv[1];
  if (argc != 2 || std::sscanf(argument.c_str(), "--shard=%u/%u%n", &shard, &shards, &end) != 2 ||
      argument.size() != static_cast<std::size_t>(end) || shard >= shards) {
    std::fprintf(stderr,
                 "%s: expected nothing but --shard=INDEX/COUNT with INDEX < COUNT and GoogleTest's flags\n",
                 argv[0]);
    return 2;
  }
  const ::testing::UnitTest& tests = *::testing::UnitTest::GetInstance();
  std::vector<storagepool::test_main::Suite> suites;
  suites.reserve(static_cast<std::size_t>(tests.total_test_suite_count()));
  for (int i = 0; i < tests.total_test_suite_count(); ++i) {
    suites.push_back({tests.GetTestSuite(i)->name(), tests.GetTestSuite(i)->total_test_count()});
  }
  GTEST_FLAG_SET(filter, storagepool::test_main::shard_filter(suites, shard, shards));
  return RUN_ALL_TESTS();
}
