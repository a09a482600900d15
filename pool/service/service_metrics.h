// The metrics of a DataStorage pod, next to those of its process: the pool as database/sql counts it,
// requests by route and status, events stored. Every label has a fixed set of values, whatever clients send.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>

#include "pool/engine/engine.h"
#include "pool/http/server.h"
#include "pool/runtime/metrics.h"

namespace storagepool::service {

// The route of a path for use as a label: a known pattern, else "other".
std::string_view route_label(std::string_view path);

class ServiceMetrics {
 public:
  ServiceMetrics();

  // Wraps the handler of a server so that its answers are counted.
  http::Handler counted(http::Handler handler);
  void event_stored() { events_stored_.Increment(); }

  // The exposition, with the pool as it is now.
  std::string expose(const engine::Statistics& statistics);

 private:
  prometheus::Counter& requests(const std::string& method, std::string_view route, unsigned status);

  runtime::Metrics metrics_;
  prometheus::Family<prometheus::Counter>& requests_;
  std::map<std::tuple<std::string, std::string_view, unsigned>, prometheus::Counter*> request_counters_;
  prometheus::Counter& events_stored_;
  std::map<std::string_view, prometheus::Gauge*> gauges_;
  std::map<std::string_view, prometheus::Counter*> counters_;
};

}  // namespace storagepool::service
