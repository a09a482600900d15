#include "pool/service/service_metrics.h"

#include <algorithm>
#include <array>
#include <utility>

namespace storagepool::service {
namespace {

using engine::Statistics;

struct GaugeSpec {
  std::string_view name;
  std::string_view help;
  std::int64_t Statistics::*value;
};
constexpr std::array<GaugeSpec, 8> kGauges = {{
    {"storagepool_pool_max_open", "Limit of open connections in force", &Statistics::max_open},
    {"storagepool_pool_open", "Established connections", &Statistics::open},
    {"storagepool_pool_opening", "Connects under way", &Statistics::opening},
    {"storagepool_pool_closing", "Connections the server has not let go yet", &Statistics::closing},
    {"storagepool_pool_in_use", "Leased connections", &Statistics::in_use},
    {"storagepool_pool_idle", "Idle connections", &Statistics::idle},
    {"storagepool_pool_waiting", "Requests waiting for a connection", &Statistics::waiting},
    {"storagepool_pool_open_high_water", "Most sockets held at once since start",
     &Statistics::open_high_water},
}};

struct CounterSpec {
  std::string_view name;
  std::string_view help;
  std::int64_t Statistics::*value;
};
constexpr std::array<CounterSpec, 6> kCounters = {{
    {"storagepool_pool_wait_count_total", "Requests that waited for a connection", &Statistics::wait_count},
    {"storagepool_pool_max_idle_closed_total", "Connections closed by maxIdleConns",
     &Statistics::max_idle_closed},
    {"storagepool_pool_max_idle_time_closed_total", "Connections closed by connMaxIdleTime",
     &Statistics::max_idle_time_closed},
    {"storagepool_pool_max_lifetime_closed_total", "Connections closed by connMaxLifetime",
     &Statistics::max_lifetime_closed},
    {"storagepool_pool_evicted_total", "Idle connections closed for another database", &Statistics::evicted},
    {"storagepool_pool_connect_failures_total", "Connects that ended badly", &Statistics::connect_failures},
}};
constexpr std::string_view kWaitSeconds = "storagepool_pool_wait_seconds_total";

void advance(prometheus::Counter& counter, double value) {
  counter.Increment(std::max(0.0, value - counter.Value()));
}

std::string known_method(const std::string& method) {
  constexpr std::array<std::string_view, 7> kMethods = {"GET",    "HEAD",  "POST",   "PUT",
                                                        "DELETE", "PATCH", "OPTIONS"};
  return std::find(kMethods.begin(), kMethods.end(), method) == kMethods.end() ? "other" : method;
}

prometheus::Counter& make_counter(prometheus::Registry& registry, std::string_view name,
                                  std::string_view help) {
  return prometheus::BuildCounter()
      .Name(std::string(name))
      .Help(std::string(help))
      .Register(registry)
      .Add({});
}

}  // namespace

std::string_view route_label(std::string_view path) {
  constexpr std::string_view kEvents = "/api/v1/audit/events";
  constexpr std::string_view kEvent = "/api/v1/audit/events/{event_id}";
  if (path == kEvents) return kEvents;
  if (path.size() > kEvents.size() + 1 && path.starts_with(kEvents) && path[kEvents.size()] == '/' &&
      path.find('/', kEvents.size() + 1) == std::string_view::npos) {
    return kEvent;
  }
  return "other";
}

ServiceMetrics::ServiceMetrics()
    : requests_(prometheus::BuildCounter()
                    .Name("storagepool_http_requests_total")
                    .Help("Answered requests of the audit API")
                    .Register(metrics_.registry())),
      events_stored_(make_counter(metrics_.registry(), "storagepool_events_stored_total",
                                  "Audit events committed to PostgreSQL, without repeated calls")) {
  for (const GaugeSpec& spec : kGauges) {
    auto& family = prometheus::BuildGauge()
                       .Name(std::string(spec.name))
                       .Help(std::string(spec.help))
                       .Register(metrics_.registry());
    gauges_[spec.name] = &family.Add({});
  }
  for (const CounterSpec& spec : kCounters) {
    counters_[spec.name] = &make_counter(metrics_.registry(), spec.name, spec.help);
  }
  counters_[kWaitSeconds] =
      &make_counter(metrics_.registry(), kWaitSeconds, "Time spent waiting for a connection, in seconds");
}

prometheus::Counter& ServiceMetrics::requests(const std::string& method, std::string_view route,
                                              unsigned status) {
  auto& counter = request_counters_[{method, route, status}];
  if (counter == nullptr) {
    counter = &requests_.Add(
        {{"method", method}, {"route", std::string(route)}, {"status", std::to_string(status)}});
  }
  return *counter;
}

http::Handler ServiceMetrics::counted(http::Handler handler) {
  const auto serve = [](ServiceMetrics* self, const http::Handler* inner,
                        http::Request request) -> boost::asio::awaitable<http::Response> {
    const std::string method = known_method(request.method);
    const std::string_view route = route_label(request.path);
    http::Response response = co_await (*inner)(std::move(request));
    self->requests(method, route, response.status).Increment();
    co_return response;
  };
  auto inner = std::make_shared<const http::Handler>(std::move(handler));
  return [this, serve, inner](http::Request request) { return serve(this, inner.get(), std::move(request)); };
}

std::string ServiceMetrics::expose(const Statistics& statistics) {
  for (const GaugeSpec& spec : kGauges) gauges_[spec.name]->Set(static_cast<double>(statistics.*spec.value));
  for (const CounterSpec& spec : kCounters) {
    advance(*counters_[spec.name], static_cast<double>(statistics.*spec.value));
  }
  advance(*counters_[kWaitSeconds], std::chrono::duration<double>(statistics.wait_duration).count());
  return metrics_.serialize();
}

}  // namespace storagepool::service
