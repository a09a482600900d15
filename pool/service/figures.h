// The metrics of a pod that are one figure of its snapshot each.
#pragma once

#include <span>

#include "pool/service/service_metrics.h"

namespace storagepool::service {

struct Figure {
  const char* name;
  const char* help;
  double (*value)(const Snapshot&);
};

std::span<const Figure> gauge_figures();
std::span<const Figure> counter_figures();

}  // namespace storagepool::service
