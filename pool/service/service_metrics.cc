#include "pool/service/service_metrics.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <span>
#include <utility>

#include "pool/common/runtime/clock.h"
#include "pool/service/figures.h"

namespace storagepool::service {
namespace {

constexpr std::array kLagBuckets = {0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 3600.0, 86'400.0};
constexpr std::array kWriteBuckets = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0};
constexpr std::array kRequestBuckets = {0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0};
constexpr std::array kWorkspaceStates = {std::pair{"creating", &workspaces::WorkspaceCounts::creating},
                                         std::pair{"ready", &workspaces::WorkspaceCounts::ready},
                                         std::pair{"deleting", &workspaces::WorkspaceCounts::deleting}};

void advance(prometheus::Counter& counter, double value) {
  counter.Increment(std::max(0.0, value - counter.Value()));
}

template <std::size_t bounds>
prometheus::Histogram& make(prometheus::Registry& registry, const char* name, const char* help,
                            const std::array<double, bounds>& buckets) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add(
      {}, prometheus::Histogram::BucketBoundaries(buckets.begin(), buckets.end()));
}

template <std::size_t bounds>
void advance(prometheus::Histogram& histogram, const runtime::Histogram<bounds>& now) {
  const prometheus::ClientMetric::Histogram before = histogram.Collect().histogram;
  std::vector<double> more;
  std::uint64_t in_smaller = 0;
  for (std::size_t i = 0; i < now.counts().size(); ++i) {
    const std::uint64_t up_to_here = before.bucket.at(i).cumulative_count;
    more.push_back(static_cast<double>(now.counts().at(i)) - static_cast<double>(up_to_here - in_smaller));
    in_smaller = up_to_here;
  }
  histogram.ObserveMultiple(more, now.sum() - before.sample_sum);
}

// A sample whose labels say what is so.
prometheus::ClientMetric info(std::vector<prometheus::ClientMetric::Label> labels) {
  prometheus::ClientMetric sample;
  sample.label = std::move(labels);
  sample.gauge.value = 1;
  return sample;
}

prometheus::MetricFamily settings_info(const Snapshot& snapshot) {
  prometheus::MetricFamily family{"storagepool_pool_setting_info",
                                  "Settings of the pool in force, as they are written in a StoragePool",
                                  prometheus::MetricType::Gauge,
                                  {}};
  for (const auto& [key, value] : settings::to_given(snapshot.settings)) {
    const std::string text = settings::format_value(*settings::find(key), value);
    family.metric.push_back(info({{"key", key}, {"value", text}}));
  }
  return family;
}

prometheus::MetricFamily postgres_info(const Snapshot& snapshot) {
  prometheus::MetricFamily family{"storagepool_postgres_info",
                                  "The server (server_version_num) and the encoding of the system database",
                                  prometheus::MetricType::Gauge,
                                  {}};
  if (snapshot.server_version > 0) {
    family.metric.push_back(
        info({{"encoding", snapshot.encoding}, {"version", std::to_string(snapshot.server_version)}}));
  }
  return family;
}

std::string known_method(const std::string& method) {
  constexpr std::array<std::string_view, 7> kMethods = {"GET",    "HEAD",  "POST",   "PUT",
                                                        "DELETE", "PATCH", "OPTIONS"};
  return std::find(kMethods.begin(), kMethods.end(), method) == kMethods.end() ? "other" : method;
}

std::string_view route_of(const http::Router& routes, const http::Request& request) {
  const std::string_view pattern = routes.pattern_of(request.path);
  return pattern.empty() ? "other" : pattern;
}

}  // namespace

ServiceMetrics::ServiceMetrics()
    : requests_(prometheus::BuildCounter()
                    .Name("storagepool_http_requests_total")
                    .Help("Answered requests of the audit API")
                    .Register(metrics_.registry())),
      request_seconds_(prometheus::BuildHistogram()
                           .Name("storagepool_http_request_duration_seconds")
                           .Help("Time from a request's body to its answer,")
                           .Register(metrics_.registry())),
      refused_(prometheus::BuildCounter()
                   .Name("storagepool_http_auth_refused_total")
                   .Help("Requests refused for who sent them")
                   .Register(metrics_.registry())),
      alarms_(prometheus::BuildCounter()
                  .Name("storagepool_log_alarms_total")
                  .Help("Times that the log was found not to be as pods with its key have left it")
                  .Register(metrics_.registry())),
      workspaces_(
          prometheus::BuildGauge()
              .Name("storagepool_workspaces")
              .Help(
                  "Registered workspaces, the same from every pod; absent while the registry cannot be read")
              .Register(metrics_.registry())),
      batch_events_(make(metrics_.registry(), "storagepool_ingest_batch_events", "Events of one batch",
                         ingest::kBatchEventBuckets)),
      batch_seconds_(make(metrics_.registry(), "storagepool_ingest_batch_duration_seconds",
                          "Time from having a connection to a batch's commit, or its refusal",
                          ingest::kBatchSecondBuckets)),
      lag_(make(metrics_.registry(), "storagepool_event_lag_seconds",
                "How long before it was received an event has been", kLagBuckets)),
      write_seconds_(make(metrics_.registry(), "storagepool_write_duration_seconds",
                          "Time from an acknowledged call's body to its answer", kWriteBuckets)) {
  for (const evidence::Alarm::Kind kind : evidence::kAlarmKinds)  // at 0 from the start
    alarms_.Add({{"alarm", std::string(evidence::name_of(kind))}});
  for (const Figure& figure : gauge_figures()) {
    gauges_.push_back(
        &prometheus::BuildGauge().Name(figure.name).Help(figure.help).Register(metrics_.registry()).Add({}));
  }
  for (const Figure& figure : counter_figures()) {
    counters_.push_back(&prometheus::BuildCounter()
                             .Name(figure.name)
                             .Help(figure.help)
                             .Register(metrics_.registry())
                             .Add({}));
  }
}

prometheus::Counter& ServiceMetrics::requests(const std::string& method, std::string_view route,
                                              unsigned status) {
  const std::lock_guard lock(mutex_);
  auto& counter = request_counters_[{method, route, status}];
  if (counter == nullptr) {
    counter = &requests_.Add(
        {{"method", method}, {"route", std::string(route)}, {"status", std::to_string(status)}});
  }
  return *counter;
}

prometheus::Histogram& ServiceMetrics::request_seconds(const std::string& method, std::string_view route) {
  const std::lock_guard lock(mutex_);
  auto& histogram = request_histograms_[{method, route}];
  if (histogram == nullptr) {
    histogram = &request_seconds_.Add(
        {{"method", method}, {"route", std::string(route)}},
        prometheus::Histogram::BucketBoundaries(kRequestBuckets.begin(), kRequestBuckets.end()));
  }
  return *histogram;
}

http::Handler ServiceMetrics::counted(const http::Router& routes, http::Handler handler) {
  const auto serve = [](ServiceMetrics* self, const http::Router* router, const http::Handler* inner,
                        http::Request& request) -> boost::asio::awaitable<http::Response> {
    const std::string method = known_method(request.method);
    const std::string_view route = route_of(*router, request);
    const auto began = runtime::steady_now();
    http::Response response = co_await (*inner)(request);
    const std::chrono::duration<double> took = runtime::steady_now() - began;
    self->request_seconds(method, route).Observe(took.count());
    self->requests(method, route, response.status).Increment();
    co_return response;
  };
  auto inner = std::make_shared<const http::Handler>(std::move(handler));
  return [this, serve, inner, router = &routes](http::Request& request) {
    return serve(this, router, inner.get(), request);
  };
}

http::Gate ServiceMetrics::counted(const http::Router& routes, http::Gate gate) {
  return [this, router = &routes, gate = std::move(gate)](http::Request& head) {
    auto refusal = gate(head);
    if (refusal) requests(known_method(head.method), route_of(*router, head), refusal->status).Increment();
    return refusal;
  };
}

auth::OnRefused ServiceMetrics::refusals(const std::string& server) {
  std::map<auth::Refusal, prometheus::Counter*> counters;
  for (const auth::Refusal reason : auth::kRefusals) {
    counters[reason] = &refused_.Add({{"server", server}, {"reason", std::string(to_string(reason))}});
  }
  return [counters = std::move(counters)](auth::Refusal reason) { counters.at(reason)->Increment(); };
}

void ServiceMetrics::expose_workspaces(const std::optional<workspaces::WorkspaceCounts>& counts) {
  for (const auto& [state, amount] : kWorkspaceStates) {
    prometheus::Gauge& gauge = workspaces_.Add({{"state", state}});
    if (counts) {
      gauge.Set(static_cast<double>((*counts).*amount));
    } else {
      workspaces_.Remove(&gauge);
    }
  }
}

std::string ServiceMetrics::expose(const Snapshot& snapshot) {
  const std::span gauges = gauge_figures();
  for (std::size_t i = 0; i < gauges.size(); ++i) gauges_[i]->Set(gauges[i].value(snapshot));
  const std::span counters = counter_figures();
  for (std::size_t i = 0; i < counters.size(); ++i) advance(*counters_[i], counters[i].value(snapshot));
  advance(batch_events_, snapshot.ingest.counters.batch_events);
  advance(batch_seconds_, snapshot.ingest.counters.batch_seconds);
  expose_workspaces(snapshot.workspaces);
  return metrics_.serialize({settings_info(snapshot), postgres_info(snapshot)});
}

}  // namespace storagepool::service
