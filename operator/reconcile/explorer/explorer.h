// Explores a bounded world breadth first: every state that can be reached, each once, until all are known or
// the configuration's bound is. Looks in each whether a promise is broken, and whether from it all comes to
// rest as wanted when faults end. As Spin and TLC do, states are known by their fingerprints: of ten million
// states two share one with a chance of about 1 in 400,000, and then what follows from one of them is missed.
#pragma once

#include <cstddef>
#include <string>

#include "operator/reconcile/explorer/configuration.h"
#include "operator/reconcile/explorer/faults.h"

namespace storagepool::reconcile::explorer {

struct Found {
  std::size_t states = 0;     // distinct ones
  std::size_t depth = 0;      // events on the way to the last of them
  bool exhausted = false;     // there are no others
  std::size_t questions = 0;  // distinct ones that next_step was asked
  std::size_t cut = 0;        // states left out, as too many generations mattered
  std::string violation;      // the promise, and the way there from the start; empty: none is broken
};

Found explore(const Configuration& configuration, Fault fault = Fault::kNone);

}  // namespace storagepool::reconcile::explorer
