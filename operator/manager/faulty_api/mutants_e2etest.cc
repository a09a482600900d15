// Operators with a fault each (mutations.txt) behind an API server that strikes where it shows, beside one
// without, which comes to be as if nothing had been there, and they do not.
#include <chrono>
#include <cstdio>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "operator/manager/faulty_api/runs.h"
#include "operator/manager/testing/fleet.h"
#include "pool/common/test_main/found.h"

namespace storagepool::manager::faulty_api {
namespace {

using namespace std::chrono_literals;
using testing::eventually;

// A fault that is found stays for minutes.
constexpr auto kNotMuchLater = 20s;

// One for each fault, and no other: what is drawn might strike again and heal it, or come when all is over.
Faults strikes() {
  return {.first = {{"WATCH /apis/storagepool.dev/v1alpha1/storagepools", {.end = End::kError}},
                    {"WATCH /api/v1/pods", {.end = End::kHalfOpen}},
                    {"WATCH /apis/apps/v1/statefulsets", {.fate = Fate::kRefused, .status = 503}},
                    {"POST /api/v1/secrets", {.fate = Fate::kLost}}}};
}

class FaultyApiMutants : public Runs {
 protected:
  static Setting planted(std::uint64_t seed, const std::string& fault) {
    return {.seed = seed,
            .name = fault,
            .faults = strikes(),
            .program = {"/usr/bin/env", "STORAGEPOOL_PLANTED=" + fault, STORAGEPOOL_MUTANTS}};
  }
  void try_seed(std::uint64_t seed);
};

void FaultyApiMutants::try_seed(std::uint64_t seed) {
  const auto start = testing::Clock::now();
  Run clean(*this, {.seed = seed, .name = "clean"});
  Run sound(*this, planted(seed, "nothing"));
  std::deque<Run> mutants;
  for (const storagepool::testing::Fault& fault : storagepool::testing::faults())
    mutants.emplace_back(*this, planted(seed, fault.name));
  std::vector<Run*> all{&clean, &sound};
  for (Run& mutant : mutants) all.push_back(&mutant);
  carry_out_all(all);
  const auto same = [&](const Run& run) { return difference(snapshot(clean), snapshot(run)).empty(); };
  for (const Run* run : {&clean, &sound}) ASSERT_EQ(run->failure, "") << of(*run);
  ASSERT_TRUE(eventually([&] { return rests(clean); }, kDeadline, 20ms)) << of(clean);
  ASSERT_TRUE(eventually([&] { return same(sound); }, kDeadline, 250ms))
      << difference(snapshot(clean), snapshot(sound)) << of(sound);
  ASSERT_EQ(sound.api.faults(), static_cast<int>(strikes().first.size())) << of(sound);
  std::set<const Run*> surviving;
  const auto all_survive = [&] {
    for (const Run& mutant : mutants) {
      if (same(mutant)) surviving.insert(&mutant);
    }
    return surviving.size() == mutants.size();
  };
  eventually(all_survive, kNotMuchLater, 250ms);
  for (const Run* mutant : surviving) ADD_FAILURE() << "not found: " << of(*mutant);
  std::printf("seed %llu: %zu of %zu faults found after %.0f s\n", static_cast<unsigned long long>(seed),
              mutants.size() - surviving.size(), mutants.size(),
              std::chrono::duration<double>(testing::Clock::now() - start).count());
}

TEST_F(FaultyApiMutants, AreFound) {
  try_seeds([this](std::uint64_t seed) { try_seed(seed); });
}

}  // namespace
}  // namespace storagepool::manager::faulty_api
