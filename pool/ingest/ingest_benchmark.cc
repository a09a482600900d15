// Events per second into PostgreSQL with its default durability: COPY of a file by psql, which is the scale;
// calls of 500 events; and calls of one event by 64 and by 500 callers, each of which waits for its answer.
// All into the same emptied table, each with rows of its own. `vs_copy` is the share of the rate of the COPY
// before it.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <unistd.h>

#include "pool/event/testing/smallest_event.h"
#include "pool/event/uuid.h"
#include "pool/ingest/ingest.h"
#include "pool/postgres/testing/run.h"
#include "pool/postgres/testing/server.h"
#include "pool/tables/tables.h"

namespace storagepool::ingest {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using postgres::testing::in;
using postgres::testing::run;

constexpr int kEvents = 100'000;

class Bench {
 public:
  Bench() {
    auto lease = run(context_, engine_.acquire("audit", in(30s)));
    if (!lease) throw std::runtime_error(lease.error().detail);
    const auto migrated = run(context_, tables::migrate(**lease, tables::migrations(), in(30s)));
    if (!migrated) throw std::runtime_error(migrated.error().detail);
  }
  ~Bench() {
    run(context_, engine_.drain(in(20s)));
    std::error_code ignored;
    std::filesystem::remove(file_, ignored);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void empty() {
    server_.superuser("TRUNCATE audit_events, audit_event_ids", "audit");
    server_.superuser("CHECKPOINT");
  }
  void expect_count() {
    if (server_.superuser("SELECT count(*) FROM audit_events", "audit").at(0) != std::to_string(kEvents))
      throw std::runtime_error("events are missing");
  }

  // Seconds.
  double copy() {
    if (!std::filesystem::exists(file_)) {
      ingest(20, 500);
      psql("\\copy (SELECT * FROM audit_events) TO '" + file_ + "'");
    }
    empty();
    const auto start = Clock::now();
    psql("\\copy audit_events FROM '" + file_ + "'");
    const std::chrono::duration<double> took = Clock::now() - start;
    expect_count();
    return took.count();
  }

  double ingest(int callers, int events_per_call) {
    empty();
    std::vector<std::vector<event::Event>> calls;
    for (int i = 0; i < kEvents; i += events_per_call) calls.push_back(make_call(events_per_call));
    Ingest ingest(context_.get_executor(), engine_, {});
    int left = callers;
    const auto start = Clock::now();
    for (int i = 0; i < callers; ++i) {
      asio::co_spawn(context_, call(ingest, calls), [&](const std::exception_ptr& error) {
        if (error) std::rethrow_exception(error);
        if (--left == 0) context_.stop();
      });
    }
    context_.restart();
    context_.run();
    const std::chrono::duration<double> took = Clock::now() - start;
    expect_count();
    batches_ = static_cast<double>(ingest.statistics().counters.batches);
    return took.count();
  }
  double batches() const { return batches_; }

  double last_copy = 0;

 private:
  static std::vector<event::Event> make_call(int events) {
    static int number = 0;
    std::vector<event::Event> unit;
    for (int i = 0; i < events; ++i, ++number) {
      const runtime::Timestamp time =
          *runtime::parse_timestamp("2026-02-28T11:22:33Z") + std::chrono::microseconds(number * 37);
      event::Event event =
          event::testing::smallest_event(event::new_event_id(time), runtime::format_timestamp(time));
      event.event_type = "gateway.signal.received";
      event.event_category = "gateway";
      event.event_action = "received";
      event.correlation_id = "rr-2026-02-28-" + std::to_string(number / 5);
      event.resource_type = "Signal";
      event.resource_id = "payment-api-" + std::to_string(number % 997);
      event.actor_id = "gateway-service";
      event.namespace_name = "payments";
      event.cluster_id = "prod-eu-1";
      event.duration_ms = number % 100;
      event.event_data =
          R"({"gateway":{"signal_type":"prometheus","alert_name":"HighMemoryUsage","fingerprint":")" +
          event.event_id + R"(","labels":{"team":"payments","tier":"1"},"threshold":0.95}})";
      unit.push_back(std::move(event));
    }
    return unit;
  }
  static asio::awaitable<void> call(Ingest& ingest, std::vector<std::vector<event::Event>>& calls) {
    while (!calls.empty()) {
      std::vector<event::Event> unit = std::move(calls.back());
      calls.pop_back();
      const auto stored = co_await ingest.store("audit", std::move(unit), in(60s));
      if (!stored) throw std::runtime_error(stored.error().detail);
    }
  }
  void psql(const std::string& command) {
    const std::string line = "psql -q -X -v ON_ERROR_STOP=1 -h 127.0.0.1 -p " +
                             std::to_string(server_.port()) + " -U app -d audit -c \"" + command + "\"";
    if (std::system(line.c_str()) != 0) throw std::runtime_error("psql failed");
  }

  postgres::testing::Server server_;
  const std::string file_ =
      std::filesystem::temp_directory_path() / ("ingest_benchmark." + std::to_string(getpid()) + ".copy");
  asio::io_context context_{1};
  engine::Engine engine_{
      context_.get_executor(), [options = server_.connect_options()] { return options; }, "audit", {}, {}};
  double batches_ = 0;
};

Bench& bench() {
  static Bench instance;
  return instance;
}

void BM_Copy(benchmark::State& state) {
  for (auto _ : state) {
    bench().last_copy = bench().copy();
    state.SetIterationTime(bench().last_copy);
  }
  state.SetItemsProcessed(state.iterations() * kEvents);
}

void BM_Ingest(benchmark::State& state) {
  double seconds = 0;
  for (auto _ : state) {
    const double took = bench().ingest(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
    state.SetIterationTime(took);
    seconds += took;
  }
  state.SetItemsProcessed(state.iterations() * kEvents);
  state.counters["vs_copy"] = bench().last_copy * static_cast<double>(state.iterations()) / seconds;
  state.counters["events_per_batch"] = kEvents / bench().batches();
}

// The scale before each, since a machine's pace changes by the minute.
BENCHMARK(BM_Copy)->Name("BM_Copy/1")->UseManualTime()->Iterations(2)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Ingest)
    ->ArgNames({"callers", "events"})
    ->Args({4, 500})
    ->Args({16, 500})
    ->UseManualTime()
    ->Iterations(2)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Copy)->Name("BM_Copy/2")->UseManualTime()->Iterations(2)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Ingest)
    ->ArgNames({"callers", "events"})
    ->Args({500, 1})
    ->Args({64, 1})
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace storagepool::ingest
