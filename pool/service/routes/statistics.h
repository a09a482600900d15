// The figures of this pod's connection pool for people and dashboards, on port 8080 for readers and
// administrators who are not confined to workspaces: `GET /admin/metrics/database` and, in the shape that
// existing dashboards read, `GET /api/admin.connectionStats`. Figures of single databases are only here,
// never in the Prometheus metrics, whose cardinality they would unbound.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pool/auth/auth.h"
#include "pool/common/http/router.h"
#include "pool/common/settings/admin_wire.h"
#include "pool/engine/engine.h"

namespace storagepool::service {

struct PoolFigures {
  engine::Statistics pool;
  std::vector<engine::DatabaseStatistics> databases;
  std::int64_t max_conns_per_database = 0;
  std::string system_database;
  settings::FactsReport server;
};

std::string connection_stats_json(const PoolFigures& figures);
std::string database_metrics_json(const PoolFigures& figures);

// What auth::authenticated needs to know of the two paths.
std::vector<auth::AdminPath> statistics_paths();
void add_statistics_routes(http::Router& router, std::function<PoolFigures()> figures);

}  // namespace storagepool::service
