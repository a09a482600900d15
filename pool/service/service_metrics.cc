#include "pool/service/service_metrics.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <utility>

#include "pool/common/runtime/clock.h"

namespace storagepool::service {
namespace {

struct Spec {
  const char* name;
  const char* help;
  double (*value)(const Snapshot&);
};

template <std::int64_t engine::Statistics::*member>
double pool(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.pool.*member);
}
template <std::size_t ingest::Load::*member>
double ingest_load(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.ingest.load.*member);
}
template <std::uint64_t ingest::Counters::*member>
double ingest(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.ingest.counters.*member);
}
template <auto journal::Statistics::*member>
double journal(const Snapshot& snapshot) {
  return snapshot.journal ? static_cast<double>((*snapshot.journal).*member) : 0;
}
template <journal::Amount journal::Statistics::*amount, std::int64_t journal::Amount::*member>
double journal_amount(const Snapshot& snapshot) {
  return snapshot.journal ? static_cast<double>((*snapshot.journal).*amount.*member) : 0;
}
double journal_age(const Snapshot& snapshot) {
  if (!snapshot.journal || !snapshot.journal->oldest) return 0;
  return std::max(0.0, std::chrono::duration<double>(snapshot.now - *snapshot.journal->oldest).count());
}
template <bool Snapshot::*member>
double yes(const Snapshot& snapshot) {
  return snapshot.*member ? 1 : 0;
}
double workspace_databases(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.workspace_databases);
}
template <std::uint64_t HttpFigures::*member>
double http_figure(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.http.*member);
}
double loop_failures(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.loop_failures);
}
double clock_ahead(const Snapshot& snapshot) {
  return std::chrono::duration<double>(snapshot.clock_ahead).count();
}
template <std::int64_t Snapshot::*member>
double locks(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.*member);
}
double stalled(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.stalls.now);
}
double stalls(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.stalls.begun);
}
double wait_seconds(const Snapshot& snapshot) {
  return std::chrono::duration<double>(snapshot.pool.wait_duration).count();
}

using Pool = engine::Statistics;
using Amount = journal::Amount;
using Load = ingest::Load;
using Counters = ingest::Counters;

constexpr std::array kGauges = {
    Spec{"storagepool_ready", "1 while the pod takes traffic", yes<&Snapshot::ready>},
    Spec{"storagepool_postgres_usable", "1 while PostgreSQL can be read and takes events",
         yes<&Snapshot::postgres_usable>},
    Spec{"storagepool_journal_takes_events", "1 while the journal is durable and has room",
         yes<&Snapshot::journal_takes_events>},
    Spec{"storagepool_clock_offset_seconds",
         "How far PostgreSQL's clock is ahead of the pod's; beyond 60 either way events are judged by "
         "PostgreSQL's",
         clock_ahead},
    Spec{"storagepool_postgres_locks_needed",
         "Locks of a statement on all months of the system database with their indexes, as a dump's",
         locks<&Snapshot::locks_needed>},
    Spec{"storagepool_postgres_locks_available",
         "Locks that PostgreSQL has room for; 0 in a pod that has not looked after the partitions",
         locks<&Snapshot::locks_available>},
    Spec{"storagepool_leaving",
         "1 while the pod is to go: not ready, and after its delay its journal takes nothing new",
         yes<&Snapshot::leaving>},
    Spec{"storagepool_pool_max_open", "Limit of open connections in force", pool<&Pool::max_open>},
    Spec{"storagepool_pool_open", "Established connections", pool<&Pool::open>},
    Spec{"storagepool_pool_opening", "Connects under way", pool<&Pool::opening>},
    Spec{"storagepool_pool_closing", "Connections the server has not let go yet", pool<&Pool::closing>},
    Spec{"storagepool_pool_in_use", "Leased connections", pool<&Pool::in_use>},
    Spec{"storagepool_pool_idle", "Idle connections", pool<&Pool::idle>},
    Spec{"storagepool_pool_waiting", "Requests waiting for a connection", pool<&Pool::waiting>},
    Spec{"storagepool_pool_open_high_water", "Most sockets held at once since start",
         pool<&Pool::open_high_water>},
    Spec{"storagepool_workspace_databases_active", "Workspace databases with a connection or a waiter",
         workspace_databases},
    Spec{"storagepool_stalled_databases", "Databases that commit nothing while writes for them wait",
         stalled},
    Spec{"storagepool_ingest_queued_events", "Events accepted and not answered yet",
         ingest_load<&Load::events>},
    Spec{"storagepool_ingest_queued_bytes", "Memory of the events accepted and not answered yet",
         ingest_load<&Load::bytes>},
    Spec{"storagepool_journal_waiting_events", "Events in the journal that are not in PostgreSQL yet",
         journal_amount<&journal::Statistics::waiting, &Amount::events>},
    Spec{"storagepool_journal_waiting_bytes", "Bytes of the events that are not in PostgreSQL yet",
         journal_amount<&journal::Statistics::waiting, &Amount::bytes>},
    Spec{"storagepool_journal_oldest_age_seconds", "How long the oldest event has waited in the journal",
         journal_age},
    Spec{"storagepool_journal_set_aside_units",
         "Calls whose events PostgreSQL refuses, kept in the journal for a person to look at",
         journal_amount<&journal::Statistics::aside, &Amount::units>},
    Spec{"storagepool_journal_set_aside_bytes", "Bytes of the events set aside, which count in the bound",
         journal_amount<&journal::Statistics::aside, &Amount::bytes>},
    Spec{
        "storagepool_journal_durable",
        "1 while the journal's disk takes what is appended; at 0 events are refused while PostgreSQL is away",
        journal<&journal::Statistics::durable>},
    Spec{"storagepool_journal_disk_bytes", "Size of the journal's files",
         journal<&journal::Statistics::disk_bytes>},
    Spec{"storagepool_journal_max_bytes", "Bound of the journal's files",
         journal<&journal::Statistics::max_bytes>},
    Spec{"storagepool_http_memory_bytes", "Memory that requests and answers of the audit API hold",
         http_figure<&HttpFigures::memory_held>},
    Spec{"storagepool_journal_used_ratio", "Share of the bound in use; at 1 events are refused",
         journal<&journal::Statistics::used>},
};

constexpr std::array kCounters = {
    Spec{"storagepool_pool_wait_count_total", "Requests that waited for a connection",
         pool<&Pool::wait_count>},
    Spec{"storagepool_pool_wait_seconds_total", "Time spent waiting for a connection, in seconds",
         wait_seconds},
    Spec{"storagepool_pool_max_idle_closed_total", "Connections closed by maxIdleConns",
         pool<&Pool::max_idle_closed>},
    Spec{"storagepool_pool_max_idle_time_closed_total", "Connections closed by connMaxIdleTime",
         pool<&Pool::max_idle_time_closed>},
    Spec{"storagepool_pool_max_lifetime_closed_total", "Connections closed by connMaxLifetime",
         pool<&Pool::max_lifetime_closed>},
    Spec{"storagepool_pool_evicted_total", "Idle connections closed for another database",
         pool<&Pool::evicted>},
    Spec{"storagepool_pool_connect_failures_total", "Connects that ended badly",
         pool<&Pool::connect_failures>},
    Spec{"storagepool_events_stored_total", "Audit events committed to PostgreSQL, without repeated calls",
         ingest<&Counters::events>},
    Spec{"storagepool_stalls_total",
         "Times that a database committed nothing for stallAfter while writes waited", stalls},
    Spec{"storagepool_ingest_batches_total", "Batches of events written", ingest<&Counters::batches>},
    Spec{"storagepool_ingest_bisections_total", "Batches divided because PostgreSQL refused a row",
         ingest<&Counters::bisections>},
    Spec{"storagepool_ingest_repeats_total", "Statements repeated after a lost connection or a deadlock",
         ingest<&Counters::repeats>},
    Spec{"storagepool_ingest_rejected_total", "Calls refused for their data or a missing parent",
         ingest<&Counters::rejected>},
    Spec{"storagepool_ingest_expired_total", "Calls whose time ran out before their events were written",
         ingest<&Counters::expired>},
    Spec{"storagepool_ingest_overloaded_total", "Calls refused because too many events were waiting",
         ingest<&Counters::overloaded>},
    Spec{"storagepool_journal_appended_events_total", "Events accepted into the journal",
         journal_amount<&journal::Statistics::appended, &Amount::events>},
    Spec{"storagepool_journal_replayed_events_total", "Events brought from the journal into PostgreSQL",
         journal_amount<&journal::Statistics::replayed, &Amount::events>},
    Spec{"storagepool_journal_set_aside_events_total", "Events that PostgreSQL refused at the replay",
         journal_amount<&journal::Statistics::set_aside, &Amount::events>},
    Spec{"storagepool_journal_put_back_events_total", "Events set aside that wait for PostgreSQL again",
         journal_amount<&journal::Statistics::put_back, &Amount::events>},
    Spec{"storagepool_journal_dropped_events_total", "Events set aside that a person has given up",
         journal_amount<&journal::Statistics::dropped, &Amount::events>},
    Spec{"storagepool_journal_salvages_total",
         "Times that the journal's file was found damaged and was salvaged; events may have been lost",
         journal<&journal::Statistics::salvages>},
    Spec{"storagepool_journal_salvaged_events_total", "Events read from a damaged file of the journal",
         journal_amount<&journal::Statistics::salvaged, &Amount::events>},
    Spec{"storagepool_journal_damaged_units_total",
         "Calls found in a damaged file of the journal whose events cannot be read",
         journal<&journal::Statistics::damaged>},
    Spec{"storagepool_journal_commits_total", "Commits of accepted events, each one fsync",
         journal<&journal::Statistics::commits>},
    Spec{"storagepool_journal_refused_total", "Calls that found the journal full",
         journal<&journal::Statistics::refused>},
    Spec{"storagepool_journal_failures_total", "Operations that the journal's disk refused",
         journal<&journal::Statistics::failures>},
    Spec{"storagepool_loop_failures_total",
         "Failures of work in the background, which was begun anew; each is in the log", loop_failures},
    Spec{"storagepool_http_rate_limited_total",
         "Requests of the audit API refused because their client had made too many",
         http_figure<&HttpFigures::rate_limited>},
    Spec{"storagepool_http_memory_refused_total",
         "Times that a request or answer of the audit API was refused memory",
         http_figure<&HttpFigures::memory_refused>},
    Spec{"storagepool_http_closed_for_new_total",
         "Connections to the audit API closed for new ones, there being as many as may be",
         http_figure<&HttpFigures::closed_for_new>},
};

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
  for (const Spec& spec : kGauges) {
    gauges_.push_back(
        &prometheus::BuildGauge().Name(spec.name).Help(spec.help).Register(metrics_.registry()).Add({}));
  }
  for (const Spec& spec : kCounters) {
    counters_.push_back(
        &prometheus::BuildCounter().Name(spec.name).Help(spec.help).Register(metrics_.registry()).Add({}));
  }
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

prometheus::Histogram& ServiceMetrics::request_seconds(const std::string& method, std::string_view route) {
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
  for (std::size_t i = 0; i < kGauges.size(); ++i) gauges_[i]->Set(kGauges[i].value(snapshot));
  for (std::size_t i = 0; i < kCounters.size(); ++i) advance(*counters_[i], kCounters[i].value(snapshot));
  advance(batch_events_, snapshot.ingest.counters.batch_events);
  advance(batch_seconds_, snapshot.ingest.counters.batch_seconds);
  expose_workspaces(snapshot.workspaces);
  return metrics_.serialize({settings_info(snapshot), postgres_info(snapshot)});
}

}  // namespace storagepool::service
