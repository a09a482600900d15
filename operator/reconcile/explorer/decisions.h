// What the operator decides in a state: the state put into the words of the real next_step and of the real
// sum over all StoragePools, their answer put back into bytes. Whatever of them the explorer uses is used
// here alone. Answers are kept, as the same question comes up in very many states.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "operator/reconcile/explorer/configuration.h"
#include "operator/reconcile/explorer/faults.h"
#include "operator/reconcile/explorer/state.h"

namespace storagepool::reconcile::explorer {

struct Decision {
  Write write;                 // kNothing: to wait, or done
  Byte skips_generations = 0;  // the grant's is higher than any that has been
  Byte done = 0;               // as wanted
  Byte replicas = 0;           // of the plan
  Byte explained = 0;          // a condition says why pods or connections are missing
};

// What the operator counts for a StoragePool, and on which servers, a bit each.
struct Counted {
  int connections = 0;
  Byte servers = 0;
  int pods = 0;  // one connection each is counted on those that they try
  Byte tried = 0;

  int on(int server) const {
    if ((servers >> server & 1U) != 0) return connections;
    return (tried >> server & 1U) != 0 ? pods : 0;
  }
};

class Decisions {
 public:
  Decisions(const Configuration& configuration, Fault fault);

  const Decision& of(const State& state, int pool);
  Counted claim(const State& state, int pool);
  // The plan and the reasons, for people.
  std::string explain(const State& state, int pool) const;

  std::size_t questions() const { return known_.size(); }

 private:
  const Configuration& configuration_;
  Fault fault_;
  std::unordered_map<std::uint64_t, Decision> known_;
  std::unordered_map<std::uint64_t, Counted> counted_;
};

}  // namespace storagepool::reconcile::explorer
