// The metrics of a DataStorage pod, next to those of its process: the pool as database/sql counts it, the
// ingest, the journal, workspaces by state, requests by route and status and how long they took, and refused
// ones by reason. Every label has a fixed set of values, whatever clients send; figures of single workspaces
// are not here (pool/service/routes/statistics.h).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "pool/auth/tokens/bearer.h"
#include "pool/common/http/router.h"
#include "pool/common/runtime/metrics/metrics.h"
#include "pool/common/runtime/timestamp.h"
#include "pool/common/settings/settings.h"
#include "pool/engine/engine.h"
#include "pool/ingest/ingest.h"
#include "pool/journal/journal.h"
#include "pool/recording/stall.h"
#include "pool/service/background.h"
#include "pool/service/log/log_upkeep.h"
#include "pool/service/log/workspace_logs.h"
#include "pool/workspaces/registry.h"

namespace storagepool::service {

// Of the audit API's server.
struct HttpFigures {
  std::uint64_t rate_limited = 0;
  std::uint64_t memory_held = 0;
  std::uint64_t memory_refused = 0;
  std::uint64_t closed_for_new = 0;
};

// What is exposed, as it is at one moment.
struct Snapshot {
  bool ready = false;
  bool postgres_usable = false;
  bool journal_takes_events = false;
  bool leaving = false;
  engine::Statistics pool;
  std::int64_t workspace_databases = 0;  // with a connection or a waiter
  ingest::Statistics ingest;
  bool log_key = false;  // one is in force
  LogFigures log;        // of the system database
  WorkspaceLogFigures workspace_logs;
  std::optional<journal::Statistics> journal;             // none: the pod has no journal
  std::optional<workspaces::WorkspaceCounts> workspaces;  // none: not known
  HttpFigures http;
  std::uint64_t loop_failures = 0;
  std::chrono::milliseconds clock_ahead{0};  // PostgreSQL's, of the pod's
  settings::Settings settings;               // in force
  std::int64_t server_version = 0;           // server_version_num; 0: not known
  std::string encoding;                      // of the system database; empty: not known
  UpkeepFigures upkeep;
  recording::Stalls::Figures stalls;
  runtime::Timestamp now;
};

class ServiceMetrics {
 public:
  ServiceMetrics();

  // Wraps the handler of a server, and its gate, so that their answers are counted, by the patterns of
  // `routes`, which must outlive the server. The gate is thread-safe.
  http::Handler counted(const http::Router& routes, http::Handler handler);
  http::Gate counted(const http::Router& routes, http::Gate gate);

  // Counts what the gate of a server refuses.
  auth::OnRefused refusals(const std::string& server);

  // Of the log of the system database.
  void alarm(evidence::Alarm::Kind kind) {
    alarms_.Add({{"alarm", std::string(evidence::name_of(kind))}}).Increment();
  }

  // How long before it was received an event has been; how long an acknowledged call of events took.
  void received(std::chrono::duration<double> lag) { lag_.Observe(std::max(0.0, lag.count())); }
  void acknowledged(std::chrono::duration<double> took) { write_seconds_.Observe(took.count()); }

  std::string expose(const Snapshot& snapshot);

 private:
  prometheus::Counter& requests(const std::string& method, std::string_view route, unsigned status);
  prometheus::Histogram& request_seconds(const std::string& method, std::string_view route);

  void expose_workspaces(const std::optional<workspaces::WorkspaceCounts>& counts);

  runtime::Metrics metrics_;
  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Family<prometheus::Histogram>& request_seconds_;
  prometheus::Family<prometheus::Counter>& refused_;
  prometheus::Family<prometheus::Counter>& alarms_;
  prometheus::Family<prometheus::Gauge>& workspaces_;
  prometheus::Histogram& batch_events_;
  prometheus::Histogram& batch_seconds_;
  prometheus::Histogram& lag_;
  prometheus::Histogram& write_seconds_;
  std::mutex mutex_;  // guards the two maps
  std::map<std::tuple<std::string, std::string_view, unsigned>, prometheus::Counter*> request_counters_;
  std::map<std::pair<std::string, std::string_view>, prometheus::Histogram*> request_histograms_;
  std::vector<prometheus::Gauge*> gauges_;      // in the order of the table of gauges
  std::vector<prometheus::Counter*> counters_;  // likewise
};

}  // namespace storagepool::service
