#include "pool/service/routes/statistics.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace storagepool::service {
namespace {

using nlohmann::json;

PoolFigures figures() {
  PoolFigures figures;
  figures.pool = {.max_open = 100, .open = 25, .in_use = 10, .idle = 15, .waiting = 2, .wait_count = 7};
  figures.pool.wait_duration = std::chrono::microseconds{1500};
  figures.databases = {
      {.name = "audit", .max_open = 100, .open = 5, .in_use = 2, .idle = 3, .waiting = 0},
      {.name = "audit_ws_team_a", .max_open = 3, .open = 3, .in_use = 1, .idle = 2, .waiting = 2}};
  figures.max_conns_per_database = 3;
  figures.system_database = "audit";
  return figures;
}

TEST(ConnectionStats, HasTheShapeThatDashboardsRead) {
  EXPECT_EQ(json::parse(connection_stats_json(figures())), json::parse(R"({
      "maxConnections": 100, "maxConnectionsPerDB": 3, "totalOpenConnections": 25,
      "totalInUseConnections": 10, "totalIdleConnections": 15, "activeWorkspaceDatabases": 1,
      "systemConnections": {"openConnections": 5, "inUse": 2, "idle": 3, "maxOpen": 100},
      "workspacePools": {"team-a": {"openConnections": 3, "inUse": 1, "idle": 2, "maxOpen": 3}}})"));
}

TEST(ConnectionStats, IsCompleteWhileNothingIsOpen) {
  PoolFigures idle;
  idle.pool.max_open = 4;
  const json body = json::parse(connection_stats_json(idle));
  EXPECT_EQ(body.at("workspacePools"), json::object());
  EXPECT_EQ(body.at("systemConnections"),
            json({{"openConnections", 0}, {"inUse", 0}, {"idle", 0}, {"maxOpen", 4}}));
}

TEST(DatabaseMetrics, TellsPoolDatabasesAndServer) {
  PoolFigures given = figures();
  json body = json::parse(database_metrics_json(given));
  EXPECT_EQ(body.at("pool"), json::parse(R"({"limit": 100, "open": 25, "inUse": 10, "idle": 15, "waiting": 2,
      "waitCount": 7, "waitDurationMs": 1.5, "utilizationPercent": 10.0})"));
  EXPECT_EQ(body.at("databases").at(1),
            json::parse(R"({"database": "audit_ws_team_a", "limit": 3, "open": 3, "inUse": 1, "idle": 2,
                            "waiting": 2})"));
  EXPECT_EQ(body.at("server"), json::parse(R"({"reachable": false, "maxConnections": null})"));

  given.server.reachable = true;
  given.server.facts.emplace().max_connections = 300;
  body = json::parse(database_metrics_json(given));
  EXPECT_EQ(body.at("server"), json::parse(R"({"reachable": true, "maxConnections": 300})"));
}

}  // namespace
}  // namespace storagepool::service
