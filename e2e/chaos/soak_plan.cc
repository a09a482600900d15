#include "e2e/chaos/soak_plan.h"

#include <algorithm>

#include "e2e/chaos/faults.h"

namespace storagepool::e2e {
namespace {

// They use up the server of the scenario: its volume must be small, its standby takes over once. Others want
// another StoragePool.
bool can_be_had_again(const std::string& fault) {
  return fault != "postgres-disk-full" && fault != "postgres-failover" && spec_for(fault).empty();
}

}  // namespace

SoakPlan::SoakPlan(unsigned seed, int replicas, int limit)
    : random_(seed), last_{.replicas = replicas, .limit = limit} {}

// The standard's distributions differ between libraries, and a seed is to mean the same everywhere.
int SoakPlan::between(int least, int most) {
  return least + static_cast<int>(random_() % static_cast<unsigned>(most - least + 1));
}

SoakRound SoakPlan::next() {
  std::vector<std::string> names = fault_names();
  std::erase_if(names, [](const std::string& name) { return !can_be_had_again(name); });
  const auto draw = [&] {
    return names[static_cast<std::size_t>(between(0, static_cast<int>(names.size()) - 1))];
  };
  last_.faults = {draw()};
  if (between(0, 1) == 1) {
    const std::string second = draw();
    if (kind_of(second) != kind_of(last_.faults.front())) last_.faults.push_back(second);
  }
  last_.rollout = false;
  switch (between(0, 4)) {
    case 0:
      last_.replicas = between(kLeastReplicas, kMostReplicas);
      break;
    case 1:
      last_.limit = between(kLeastLimit, kMostLimit);
      break;
    case 2:
      last_.rollout = true;
      break;
    default:
      break;
  }
  return last_;
}

}  // namespace storagepool::e2e
