// Which pods may go without an acknowledged event going with them: what a pod's journal holds by its own
// report, and what a volume keeps. Pure.
//
// A pod that is to go is told so first; from then on its journal takes nothing new, and so an empty one stays
// empty, by a report of any age since. One that does not say that its journal is empty counts as one that is
// not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "operator/reconcile/step/next_step.h"

namespace storagepool::reconcile {

struct Departure {
  enum class Verdict {
    kHoldsNothing,  // it may go, and its claim with it
    kVolumeIsKept,  // it may go; its claim holds events, or may
    kWaits,
  };
  Verdict verdict = Verdict::kWaits;
  std::string why = {};  // unless it holds nothing; one clause that begins with the pod's name
};

// Of the pod with this ordinal, which may not exist.
Departure departure(const Desired& desired, const Observed& observed, std::int64_t ordinal);

// Names of the pods that hold events now, or do not say that they hold none. Those that a person has given up
// are left out.
std::vector<std::string> filled_journals(const Desired& desired, const Observed& observed);

const PodObserved* find_pod(const Observed& observed, std::int64_t ordinal);

}  // namespace storagepool::reconcile
