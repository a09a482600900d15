// Every world is explored, and every planted fault is found. STORAGEPOOL_TEST_STATES=50000000 explores
// further than the tests do.
#include "operator/reconcile/explorer/explorer.h"

#include <cstdio>
#include <cstdlib>
#include <ostream>
#include <string>

#include <gtest/gtest.h>

#include "operator/reconcile/explorer/configurations.h"

namespace storagepool::reconcile::explorer {

void PrintTo(const Configuration& configuration, std::ostream* out) {
  *out << configuration.about;
}
void PrintTo(const Planted& planted, std::ostream* out) {
  *out << planted.name << " in " << planted.world;
}

namespace {

std::string letters(std::string text) {
  std::erase_if(text, [](char c) { return c == '-' || c == ' '; });
  return text;
}

class ExploredWorlds : public ::testing::TestWithParam<Configuration> {};

TEST_P(ExploredWorlds, KeepTheirPromises) {
  Configuration configuration = GetParam();
  if (const char* most = std::getenv("STORAGEPOOL_TEST_STATES"); most != nullptr) {
    configuration.most_states = std::strtoull(most, nullptr, 10);
  }
  const Found found = explore(configuration);
  std::printf("%s: %zu distinct states, %s, up to %zu events deep; next_step was asked %zu questions\n",
              configuration.name, found.states, found.exhausted ? "all there are" : "bounded", found.depth,
              found.questions);
  RecordProperty("world", configuration.name);
  RecordProperty("states", std::to_string(found.states));
  EXPECT_TRUE(found.violation.empty()) << found.violation;
  EXPECT_EQ(found.cut, 0U) << "successors were left out";
}

INSTANTIATE_TEST_SUITE_P(Every, ExploredWorlds, ::testing::ValuesIn(configurations()),
                         [](const auto& world) { return letters(world.param.name); });

class PlantedFaults : public ::testing::TestWithParam<Planted> {};

TEST_P(PlantedFaults, AreFound) {
  const Planted& planted = GetParam();
  const Found found = explore(configuration_named(planted.world), planted.fault);
  ASSERT_FALSE(found.violation.empty())
      << "not found among " << found.states << " states of " << planted.world;
  std::printf("found after %zu states of %s: %s\n", found.states, planted.world,
              found.violation.substr(0, found.violation.find('\n')).c_str());
}

INSTANTIATE_TEST_SUITE_P(Every, PlantedFaults, ::testing::ValuesIn(planted_faults()),
                         [](const auto& fault) { return std::string(fault.param.name); });

}  // namespace
}  // namespace storagepool::reconcile::explorer
