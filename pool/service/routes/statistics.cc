#include "pool/service/routes/statistics.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <nlohmann/json.hpp>

#include "pool/service/routes/answers.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using http::Request;
using http::Response;
using nlohmann::ordered_json;

constexpr const char* kConnectionStats = "/api/admin.connectionStats";
constexpr const char* kDatabaseMetrics = "/admin/metrics/database";

ordered_json pool_part(const engine::DatabaseStatistics& database) {
  return {{"openConnections", database.open},
          {"inUse", database.in_use},
          {"idle", database.idle},
          {"maxOpen", database.max_open}};
}

// The workspace that a database holds; a database of another name stands for itself.
std::string workspace_of(const std::string& system_database, const std::string& database) {
  const std::string prefix = system_database + "_ws_";
  if (!database.starts_with(prefix)) return database;
  std::string name = database.substr(prefix.size());
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

double percent(std::int64_t part, std::int64_t whole) {
  constexpr double kHundred = 100.0;
  return whole > 0 ? kHundred * static_cast<double>(part) / static_cast<double>(whole) : 0.0;
}

// The texts are those that existing dashboards know.
Response error_text(const Request& request, auth::Refusal refusal) {
  Response response = auth::refused(request, refusal);
  response.status = 401;
  response.content_type = "application/json";
  response.body =
      dump({{"error", refusal == auth::Refusal::kMissingHeader ? "Authorization header is required"
                                                               : "Invalid token"}});
  return response;
}

awaitable<Response> answer(std::string body) {
  Response response;
  response.body = std::move(body);
  co_return response;
}

awaitable<Response> answer(Response response) {
  co_return response;
}

}  // namespace

std::string connection_stats_json(const PoolFigures& figures) {
  engine::DatabaseStatistics system{.name = figures.system_database, .max_open = figures.pool.max_open};
  ordered_json workspaces = ordered_json::object();
  for (const engine::DatabaseStatistics& database : figures.databases) {
    if (database.name == figures.system_database) {
      system = database;
    } else {
      workspaces[workspace_of(figures.system_database, database.name)] = pool_part(database);
    }
  }
  return dump({{"maxConnections", figures.pool.max_open},
               {"maxConnectionsPerDB", figures.max_conns_per_database},
               {"totalOpenConnections", figures.pool.open},
               {"totalInUseConnections", figures.pool.in_use},
               {"totalIdleConnections", figures.pool.idle},
               {"activeWorkspaceDatabases", workspaces.size()},
               {"systemConnections", pool_part(system)},
               {"workspacePools", workspaces}});
}

std::string database_metrics_json(const PoolFigures& figures) {
  const engine::Statistics& pool = figures.pool;
  ordered_json databases = ordered_json::array();
  for (const engine::DatabaseStatistics& database : figures.databases) {
    databases.push_back({{"database", database.name},
                         {"limit", database.max_open},
                         {"open", database.open},
                         {"inUse", database.in_use},
                         {"idle", database.idle},
                         {"waiting", database.waiting}});
  }
  ordered_json server = {{"reachable", figures.server.reachable}, {"maxConnections", nullptr}};
  if (figures.server.facts) server["maxConnections"] = figures.server.facts->max_connections;
  const std::chrono::duration<double, std::milli> waited = pool.wait_duration;
  return dump({{"pool",
                {{"limit", pool.max_open},
                 {"open", pool.open},
                 {"inUse", pool.in_use},
                 {"idle", pool.idle},
                 {"waiting", pool.waiting},
                 {"waitCount", pool.wait_count},
                 {"waitDurationMs", waited.count()},
                 {"utilizationPercent", percent(pool.in_use, pool.max_open)}}},
               {"databases", databases},
               {"server", server}});
}

std::vector<auth::AdminPath> statistics_paths() {
  return {{.path = kConnectionStats, .refuse = error_text}, {.path = kDatabaseMetrics}};
}

void add_statistics_routes(http::Router& router, std::function<PoolFigures()> figures) {
  const auto add = [&router,
                    shared = std::make_shared<const std::function<PoolFigures()>>(std::move(figures))](
                       const char* path, std::string (*to_json)(const PoolFigures&)) {
    router.add("GET", path, [shared, to_json](const Request& request) {
      if (!request.access.figures) return answer(auth::forbidden(request, "read"));
      return answer(to_json((*shared)()));
    });
  };
  add(kConnectionStats, connection_stats_json);
  add(kDatabaseMetrics, database_metrics_json);
}

}  // namespace storagepool::service
