// The operator's program between users who change their StoragePools and an API server that cuts, delays,
// refuses, lies about what it has done and falls silent, or under kills: when that ends, all is as if it had
// never been.
#include <chrono>
#include <cstdio>
#include <string>

#include <gtest/gtest.h>

#include "operator/manager/faulty_api/runs.h"
#include "operator/manager/testing/fleet.h"

namespace storagepool::manager::faulty_api {
namespace {

using namespace std::chrono_literals;
using testing::eventually;

class FaultyApiServer : public Runs {
 protected:
  void expect_good_manners(const Run& run) {
    EXPECT_EQ(world_->violations(run.name_space), "") << of(run);
    EXPECT_EQ(overdrafts(run.api.written(), run.steps), "") << of(run);
    EXPECT_EQ(run.api.overwritten(), "") << of(run);
    EXPECT_EQ(strangers(run.api.written(), run.name_space), "") << of(run);
  }
  void try_seed(std::uint64_t seed);
};

void FaultyApiServer::try_seed(std::uint64_t seed) {
  const auto start = testing::Clock::now();
  Run clean(*this, {.seed = seed, .name = "clean"});
  Run faulty(*this, {.seed = seed, .name = "faulty", .faults = {.network = true}, .fates = seed});
  Run killed(*this, {.seed = seed, .name = "killed", .faults = {.kills = true}, .fates = seed});
  carry_out_all({&clean, &faulty, &killed});
  for (const Run* run : {&clean, &faulty, &killed}) ASSERT_EQ(run->failure, "") << of(*run);
  ASSERT_TRUE(eventually([&] { return rests(clean); }, kDeadline, 20ms)) << of(clean);
  for (const Run* run : {&faulty, &killed}) {
    const auto same = [&] { return difference(snapshot(clean), snapshot(*run)).empty(); };
    ASSERT_TRUE(eventually(same, kDeadline, 250ms))
        << difference(snapshot(clean), snapshot(*run)) << of(clean) << of(*run);
  }
  for (const Run* run : {&faulty, &killed}) {
    ASSERT_TRUE(eventually([&] { return rests(*run); }, kDeadline, 20ms)) << of(*run);
    EXPECT_EQ(difference(snapshot(clean), snapshot(*run)), "") << of(*run);
  }
  for (const Run* run : {&clean, &faulty, &killed}) expect_good_manners(*run);
  std::printf("seed %llu: %d faults, %d starts by kills, as the clean run after %.0f s\n",
              static_cast<unsigned long long>(seed), faulty.api.faults(), killed.operator_->starts(),
              std::chrono::duration<double>(testing::Clock::now() - start).count());
}

TEST_F(FaultyApiServer, WhenFaultsEndAllIsAsIfTheyHadNeverBeen) {
  try_seeds([this](std::uint64_t seed) { try_seed(seed); });
}

}  // namespace
}  // namespace storagepool::manager::faulty_api
