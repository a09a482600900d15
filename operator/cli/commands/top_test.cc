#include "operator/cli/commands/top.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/cli/testing/recorded.h"

namespace storagepool::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace testing;

PodSamples samples(int waits_of_first, int waits_of_second) {
  PodSamples all;
  all.emplace("team/audit-0", parse_samples("storagepool_pool_max_open 10\nstoragepool_pool_in_use 8\n"
                                            "storagepool_pool_wait_count_total " +
                                            std::to_string(waits_of_first)));
  all.emplace("team/audit-1", parse_samples("storagepool_pool_max_open 10\nstoragepool_pool_in_use 9\n"
                                            "storagepool_pool_wait_count_total " +
                                            std::to_string(waits_of_second)));
  return all;
}

std::vector<Pool> pools() {
  return {pool_of(storage_pool("audit", settled_status()))};
}

TEST(Top, RatesAreOfTheTimeBetweenTwoLooks) {
  const auto rows = rows_of(pools(), samples(10, 50), samples(15, 40), 2s, SortBy::kName);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].waits, 2.5);
  EXPECT_FALSE(rows[1].waits) << "the pod was restarted";
  EXPECT_FALSE(rows_of(pools(), {}, samples(1, 1), 2s, SortBy::kName)[0].waits);
}

TEST(Top, SortsByAColumnTheGreatestFirst) {
  EXPECT_EQ(rows_of(pools(), {}, samples(1, 1), 0s, SortBy::kInUse)[0].pod, "audit-1");
  EXPECT_EQ(rows_of(pools(), {}, samples(1, 1), 0s, SortBy::kName)[0].pod, "audit-0");
  EXPECT_EQ(rows_of(pools(), samples(0, 0), samples(9, 1), 1s, SortBy::kWaits)[0].pod, "audit-0");
}

TEST(TopCommand, PrintsOncePlainWhereThereIsNoTerminal) {
  Recording recording;
  recording.answer("get storagepools.storagepool.dev -o json",
                   storage_pool("audit", settled_status()).dump());
  recording.answer(metrics_path("audit-0"), std::string(kMetrics));
  const Said said = run_recorded(recording, {"top", "--sort", "open"});
  EXPECT_EQ(said.exit_code, kGood) << said.err;
  EXPECT_THAT(said.out, AllOf(HasSubstr("team/audit   audit-0  9      "), HasSubstr("33%"),
                              HasSubstr("does not answer"), Not(HasSubstr("\033"))));
  EXPECT_EQ(run_recorded(recording, {"top", "--sort", "age"}).exit_code, kError);
  EXPECT_EQ(run_recorded(recording, {"top", "--interval", "1ms"}).exit_code, kError);
}

}  // namespace
}  // namespace storagepool::cli
