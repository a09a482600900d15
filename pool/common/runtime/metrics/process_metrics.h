// What /proc tells of this process, under the names every Prometheus client library uses.
#pragma once

#include <vector>

#include <prometheus/metric_family.h>

namespace storagepool::runtime {

// `process_resident_memory_bytes`, `process_open_fds`, `process_start_time_seconds` (Unix time) and
// `process_cpu_seconds_total`, read now. What cannot be read is left out.
std::vector<prometheus::MetricFamily> process_metrics();

}  // namespace storagepool::runtime
