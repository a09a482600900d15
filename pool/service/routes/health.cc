#include "pool/service/routes/health.h"

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/loop/supervisor.h"
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

// A loop that is stuck answers nothing at all, which ends the pod as well.
awaitable<Response> livez(Request&) {
  const std::vector<std::string> down = runtime::loop_failures(runtime::steady_now()).down;
  if (down.empty()) co_return status(200, {{"status", "alive"}});
  std::vector<std::string> reasons;
  for (const std::string& name : down) reasons.push_back("keeps failing: " + name);
  co_return status(503, {{"status", "failing"}, {"reasons", reasons}});
}

awaitable<Response> healthz(Request&) {
  const auto now = runtime::wall_now();
  co_return status(200, {{"status", "healthy"}, {"timestamp", runtime::format_seconds(now)}});
}

awaitable<Response> readyz(const std::function<Readiness()>* readiness) {
  const Readiness now = (*readiness)();
  if (!now.not_ready.empty()) co_return status(503, {{"status", "not ready"}, {"reasons", now.not_ready}});
  nlohmann::ordered_json ready = {{"status", "ready"}};
  if (!now.degraded.empty()) ready["degraded"] = now.degraded;
  co_return status(200, ready);
}

}  // namespace

void add_health_routes(http::Router& router, std::function<Readiness()> readiness) {
  router.add("GET", "/livez", livez);
  router.add("GET", "/healthz", healthz);
  const auto shared = std::make_shared<const std::function<Readiness()>>(std::move(readiness));
  router.add("GET", "/readyz", [shared](const Request&) { return readyz(shared.get()); });
}

http::Handler with_health(const http::Router& health, http::Handler next) {
  return [router = &health, answer = health.handler(), next = std::move(next)](Request& request) {
    const bool of_health = !router->pattern_of(request.path).empty();
    return of_health ? answer(request) : next(request);
  };
}

http::Gate with_health(const http::Router& health, http::Gate next) {
  return [router = &health, next = std::move(next)](Request& head) -> std::optional<Response> {
    if (!router->pattern_of(head.path).empty()) return std::nullopt;
    return next(head);
  };
}

}  // namespace storagepool::service
