// What a StoragePool's pods may hold at most, by the two numbers that are kept with its objects. Pure.
#pragma once

#include <cstdint>

#include "operator/reconcile/step/next_step.h"
#include "operator/sizing/sizing.h"

namespace storagepool::reconcile {

struct Holding {
  sizing::Existing existing;
  std::int64_t ceiling = 0;
};

// `outlook` is not looked at.
Holding holding(const Observed& observed);

}  // namespace storagepool::reconcile
