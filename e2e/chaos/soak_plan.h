// What happens in each round of a soak, drawn from a seed: pure.
#pragma once

#include <random>
#include <string>
#include <vector>

namespace storagepool::e2e {

struct SoakRound {
  std::vector<std::string> faults{};  // one or two, of two kinds (faults.h)
  // What the StoragePool's user does meanwhile; as before the round where he does nothing.
  int replicas = 0;
  int limit = 0;         // pool.maxOpenConns
  bool rollout = false;  // its pods are replaced
};

class SoakPlan {
 public:
  static constexpr int kLeastReplicas = 1;
  static constexpr int kMostReplicas = 4;
  static constexpr int kLeastLimit = 4;
  static constexpr int kMostLimit = 40;

  SoakPlan(unsigned seed, int replicas, int limit);

  SoakRound next();

 private:
  int between(int least, int most);

  std::mt19937 random_;
  SoakRound last_;
};

}  // namespace storagepool::e2e
