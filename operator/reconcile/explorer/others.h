// What the operator counts of the other workload of a world, by the real OtherWorkloads. Answers are kept.
#pragma once

#include <array>
#include <map>

#include "operator/reconcile/explorer/configuration.h"
#include "operator/reconcile/explorer/faults.h"
#include "operator/reconcile/explorer/state.h"

namespace storagepool::reconcile::explorer {

class Others {
 public:
  Others(const Configuration& configuration, Fault fault) : configuration_(configuration), fault_(fault) {}

  // Takes over what the operator has heard of it; `later`: so long after the last time that no pod of before
  // is left.
  void follow(Other& other, bool later);

 private:
  struct Counts {
    Byte now;
    Byte left;
  };
  Counts counts(const Other& other, bool later) const;

  const Configuration& configuration_;
  Fault fault_;
  std::map<std::array<Byte, 6>, Counts> known_;
};

// Its connections: that count, and that its pods may hold.
int counted(const Other& other, const Configuration& configuration);
int held(const Other& other, const Configuration& configuration);
bool is_heard(const Other& other);  // all of it

}  // namespace storagepool::reconcile::explorer
