#include "pool/service/routes/health.h"

#include <chrono>
#include <memory>
#include <utility>

#include <nlohmann/json.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/timestamp.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using http::Request;
using http::Response;

Response status(unsigned code, const nlohmann::ordered_json& body) {
  Response response;
  response.status = code;
  response.body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return response;
}

awaitable<Response> livez(Request) {
  co_return status(200, {{"status", "alive"}});
}

awaitable<Response> healthz(Request) {
  const auto now = runtime::wall_now();
  co_return status(200, {{"status", "healthy"}, {"timestamp", runtime::format_seconds(now)}});
}

awaitable<Response> readyz(const std::function<std::vector<std::string>()>* not_ready) {
  const std::vector<std::string> reasons = (*not_ready)();
  if (reasons.empty()) co_return status(200, {{"status", "ready"}});
  co_return status(503, {{"status", "not ready"}, {"reasons", reasons}});
}

}  // namespace

void add_health_routes(http::Router& router, std::function<std::vector<std::string>()> not_ready) {
  router.add("GET", "/livez", livez);
  router.add("GET", "/healthz", healthz);
  const auto reasons =
      std::make_shared<const std::function<std::vector<std::string>()>>(std::move(not_ready));
  router.add("GET", "/readyz", [reasons](const Request&) { return readyz(reasons.get()); });
}

}  // namespace storagepool::service
