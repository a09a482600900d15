// Where the ConfigMap leads the pods, and what they try: next_step.h says why. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "operator/reconcile/step/next_step.h"

namespace storagepool::reconcile {

struct Lead {
  settings::PostgresTarget postgres;
  std::optional<settings::PostgresTarget> candidate;
  // What each pod may hold where they are to go to next; absent: they stay where they are, for now or for
  // good.
  std::optional<std::int64_t> room;
};

Lead lead(const Desired& desired, const Observed& observed);

}  // namespace storagepool::reconcile
