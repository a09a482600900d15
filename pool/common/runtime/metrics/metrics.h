// Prometheus metrics of one program: a registry and its text exposition (version 0.0.4), served by our own
// HTTP server. Families are made once at start and references to their metrics are kept, because
// prometheus-cpp locks on every `Add`. Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

namespace storagepool::runtime {

class Metrics {
 public:
  prometheus::Registry& registry() { return registry_; }
  // Asked at each exposition, until its owner is gone: for what is a matter of the moment, such as ages.
  void add(std::weak_ptr<prometheus::Collectable> collectable);
  // The exposition of everything registered and of what is given, plus `process_resident_memory_bytes`,
  // `process_open_fds` and `process_start_time_seconds` read from /proc at this moment, and the violations of
  // checks (check.h).
  std::string serialize(std::vector<prometheus::MetricFamily> beside = {});
  static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  prometheus::Registry registry_;
  std::mutex mutex_;  // guards what follows
  std::vector<std::weak_ptr<prometheus::Collectable>> collectables_;
};

}  // namespace storagepool::runtime
