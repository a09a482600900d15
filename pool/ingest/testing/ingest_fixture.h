// What the tests of the ingest on a real server share: a server and three databases per test program, an
// engine and an ingest as in a pod, and calls that are started together and awaited.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "pool/event/testing/smallest_event.h"
#include "pool/event/uuid.h"
#include "pool/ingest/ingest.h"
#include "pool/postgres/testing/run.h"
#include "pool/postgres/testing/server.h"
#include "pool/reading/reading.h"
#include "pool/tables/tables.h"

namespace storagepool::ingest::testing {

using namespace std::chrono_literals;
using postgres::testing::in;
using postgres::testing::run;
using Kind = tables::StoreError::Kind;

inline event::Event new_event(const std::string& time = "2026-02-28T11:22:33.123456Z") {
  return event::testing::smallest_event(event::new_event_id(*runtime::parse_timestamp(time)), time);
}
inline event::Event client_event(const std::string& id,
                                 const std::string& time = "2026-02-28T11:22:33.123456Z") {
  event::Event event = event::testing::smallest_event(id, time);
  event.id_from_client = true;
  return event;
}

// A call of `Ingest::store` and what became of it.
struct Call {
  std::vector<event::Event> events;
  std::optional<Answer> answer{};

  bool stored() const { return answer && answer->has_value(); }
  std::optional<Kind> refused() const {
    return answer && !*answer ? std::optional(answer->error().kind) : std::nullopt;
  }
};

struct Pod {
  // `port`: of a relay to the server, 0 for none.
  Pod(boost::asio::io_context& context, const postgres::testing::Server& server, Limits limits = {},
      std::int64_t connections = 8, std::uint16_t port = 0)
      : engine(context.get_executor(), [options = by(server.connect_options(), port)] { return options; },
               "audit",
               settings::resolve(
                   {{"maxOpenConns", connections}, {"maxIdleConns", std::min<std::int64_t>(connections, 5)}})
                   .value(),
               {}),
        ingest(context.get_executor(), engine, limits) {}
  static postgres::ConnectOptions by(postgres::ConnectOptions options, std::uint16_t port) {
    if (port != 0) options.port = port;
    return options;
  }
  engine::Engine engine;
  Ingest ingest;
};

class IngestTest : public ::testing::Test {
 protected:
  static constexpr const char* kDatabases[] = {"audit", "audit_ws_a", "audit_ws_b"};

  static void SetUpTestSuite() {
    server_ = std::make_unique<postgres::testing::Server>();
    server_->superuser("CREATE DATABASE audit_ws_a OWNER app");
    server_->superuser("CREATE DATABASE audit_ws_b OWNER app");
    boost::asio::io_context context{1};
    Pod pod(context, *server_);
    for (const char* database : kDatabases) {
      auto lease = run(context, pod.engine.acquire(database, in(20s)));
      if (!lease) throw std::runtime_error(lease.error().detail);
      const auto migrated = run(context, tables::migrate(**lease, tables::migrations(), in(20s)));
      if (!migrated) throw std::runtime_error(migrated.error().detail);
    }
    run(context, pod.engine.drain(in(20s)));
  }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    for (const char* database : kDatabases)
      server_->superuser("TRUNCATE audit_events, audit_event_ids, audit_batches", database);
  }
  void TearDown() override {
    for (const auto& pod : pods_) {
      EXPECT_TRUE(run(context_, pod->ingest.drain(in(20s))));
      EXPECT_EQ(pod->ingest.statistics().load, Load{});
      EXPECT_TRUE(run(context_, pod->engine.drain(in(20s))));
    }
  }

  Pod& make_pod(Limits limits = {}, std::int64_t connections = 8, std::uint16_t port = 0) {
    pods_.push_back(std::make_unique<Pod>(context_, *server_, limits, connections, port));
    return *pods_.back();
  }

  static boost::asio::awaitable<void> make_call(Ingest& ingest, std::string database, Call& call,
                                                engine::TimePoint deadline, Ingest::GiveUpAt give_up_at) {
    auto answer = co_await ingest.store(std::move(database), call.events, deadline, std::move(give_up_at));
    call.answer.emplace(std::move(answer));
  }
  Call& start(Ingest& ingest, std::vector<event::Event> events, std::chrono::milliseconds time = 30s,
              const std::string& database = "audit", Ingest::GiveUpAt give_up_at = nullptr) {
    Call& call = calls_.emplace_back(Call{std::move(events)});
    boost::asio::co_spawn(context_, make_call(ingest, database, call, in(time), std::move(give_up_at)),
                          boost::asio::detached);
    return call;
  }
  template <typename Condition>
  void wait_until(const Condition& condition) {
    const auto give_up = in(60s);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > give_up) throw std::runtime_error("waited in vain");
      context_.restart();
      context_.run_one_until(std::min(give_up, in(5ms)));
    }
  }
  void finish() {
    wait_until([&] {
      return std::all_of(calls_.begin(), calls_.end(),
                         [](const Call& call) { return call.answer.has_value(); });
    });
  }
  Call& must_store(Ingest& ingest, std::vector<event::Event> events, const std::string& database = "audit") {
    Call& call = start(ingest, std::move(events), 30s, database);
    finish();
    EXPECT_TRUE(call.stored()) << call.answer->error().detail;
    return call;
  }

  // While one is held, a pod with one connection writes nothing and a batch forms.
  engine::Lease hold_connection(Pod& pod) {
    auto lease = run(context_, pod.engine.acquire("audit", in(20s)));
    if (!lease) throw std::runtime_error(lease.error().detail);
    return std::move(*lease);
  }

  static std::string sql(const std::string& text, const std::string& database = "audit") {
    const auto rows = server_->superuser(text, database);
    return rows.empty() ? "" : rows[0];
  }
  static std::string count(const std::string& database = "audit") {
    return sql("SELECT count(*) FROM audit_events", database);
  }
  // What was acknowledged is there once, whatever else is there is there once.
  void expect_exact(const std::string& database = "audit") {
    EXPECT_EQ(sql("SELECT count(*) - count(DISTINCT event_id) FROM audit_events", database), "0");
    std::set<std::string> stored;
    for (const auto& id : server_->superuser("SELECT event_id FROM audit_events", database))
      stored.insert(id);
    for (const Call& call : calls_) {
      for (const event::Event& event : call.events) {
        if (call.stored()) {
          EXPECT_TRUE(stored.contains(event.event_id)) << "acknowledged and lost";
        }
      }
    }
  }

  static inline std::unique_ptr<postgres::testing::Server> server_;
  boost::asio::io_context context_{1};
  std::deque<Call> calls_;
  std::vector<std::unique_ptr<Pod>> pods_;
};

}  // namespace storagepool::ingest::testing
