#include "pool/service/servers.h"

#include <chrono>
#include <utility>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/log.h"
#include "pool/common/runtime/loop/coroutine.h"
#include "pool/common/runtime/loop/supervisor.h"
#include "pool/service/bounds.h"
#include "pool/service/routes/health.h"
#include "pool/service/routes/statistics.h"

namespace storagepool::service {
namespace {

constexpr std::chrono::seconds kTlsPeriod{1};  // of looking whether another certificate is mounted

}  // namespace

Servers::Servers(boost::asio::any_io_executor executor, std::vector<boost::asio::any_io_executor> lanes,
                 const Options& options, ServiceMetrics& metrics, auth::Authenticator& authenticator,
                 const AdminContext& admin)
    : executor_(executor),
      options_(options),
      tls_(options.tls_dir, options.tls_client_ca),
      access_log_(options.access_log, api_routes_, to_standard_output()),
      api_(executor, api_limits(options),
           with_health(health_routes_,
                       metrics.counted(api_routes_, auth::telling_of_forbidden(api_routes_.handler(),
                                                                               metrics.refusals("api")))),
           with_health(health_routes_,
                       metrics.counted(api_routes_, auth::authenticated(authenticator, statistics_paths(),
                                                                        metrics.refusals("api")))),
           std::move(lanes)),
      health_(executor, small_requests(), health_routes_.handler()),
      admin_(executor, small_requests(), make_admin_handler(admin), make_admin_gate(admin)),
      metrics_(executor, small_requests(), metrics_routes_.handler()) {}

bool Servers::listen(http::Server& server, std::uint16_t port, const char* name, std::uint16_t& bound) const {
  const auto result = server.listen(options_.listen_address, port);
  if (!result) {
    log::error(
        "cannot listen",
        {{"server", name}, {"address", options_.listen_address}, {"port", port}, {"detail", result.error()}});
    return false;
  }
  bound = *result;
  return true;
}

void Servers::follow_tls() {
  if (auto next = tls_.look()) api_.use_tls(std::move(next));
}

boost::asio::awaitable<void> Servers::watch_tls(Servers* self) {
  while (true) {
    co_await runtime::sleep_for(kTlsPeriod);
    self->follow_tls();
  }
}

HttpFigures Servers::figures() const {
  return {.rate_limited = api_.rate_limited(),
          .memory_held = api_.memory_held(),
          .memory_refused = api_.memory_refused(),
          .closed_for_new = api_.closed_for_new()};
}

bool Servers::listen() {
  if (options_.access_log != settings::AccessLog{}) {
    api_.observe(
        [this](const http::Exchange& exchange) { access_log_.record(exchange, runtime::wall_now()); });
  }
  if (tls_.wanted()) {
    api_.use_tls(nullptr);  // never in clear text
    follow_tls();
    runtime::supervise(executor_, "TLS", [this] { return watch_tls(this); });
  }
  std::uint16_t api = 0;
  std::uint16_t health = 0;
  std::uint16_t admin = 0;
  std::uint16_t metrics = 0;
  if (!listen(api_, options_.api_port, "api", api) ||
      !listen(health_, options_.health_port, "health", health) ||
      !listen(admin_, options_.admin_port, "admin", admin) ||
      !listen(metrics_, options_.metrics_port, "metrics", metrics)) {
    return false;
  }
  log::info("listening",
            {{"apiPort", api}, {"healthPort", health}, {"adminPort", admin}, {"metricsPort", metrics}});
  return true;
}

}  // namespace storagepool::service
