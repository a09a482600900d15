#pragma once

#include <prometheus/gauge.h>

#include "pool/common/runtime/metrics/metrics.h"

namespace storagepool::manager {

inline prometheus::Family<prometheus::Gauge>& gauge(runtime::Metrics& metrics, const char* name,
                                                    const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(metrics.registry());
}

}  // namespace storagepool::manager
