#include "pool/audit/store.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "pool/audit/schema.h"
#include "pool/audit/testing/smallest_event.h"
#include "pool/audit/uuid.h"
#include "pool/postgres/testing/run.h"
#include "pool/postgres/testing/server.h"

namespace storagepool::audit {
namespace {

using namespace std::chrono_literals;
using postgres::testing::in;
using postgres::testing::run;

Event smallest(const std::string& time = "2026-02-28T11:22:33.123456Z") {
  return audit::testing::smallest_event(new_event_id(), time);
}

class StoreTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<postgres::testing::Server>(); }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    server_->empty("audit");
    const auto migrated = run(context_, migrate_schema(engine_));
    ASSERT_TRUE(migrated) << migrated.error().detail;
  }
  void TearDown() override { EXPECT_TRUE(run(context_, engine_.drain(in(20s)))); }

  static boost::asio::awaitable<tl::expected<SchemaState, postgres::Error>> migrate_schema(
      engine::Engine& engine) {
    auto lease = co_await engine.acquire("audit", in(20s));
    if (!lease) {
      postgres::Error error;
      error.detail = lease.error().detail;
      co_return tl::unexpected(error);
    }
    auto state = co_await migrate(**lease, migrations(), in(20s));
    co_return state;
  }
  static engine::Engine::ConnectOptionsSource options() {
    return [] { return server_->connect_options(); };
  }

  tl::expected<Stored, StoreError> insert(const Event& event) {
    return run(context_, store_.insert(event, in(20s)));
  }
  void must_insert(const Event& event) {
    const auto stored = insert(event);
    ASSERT_TRUE(stored) << stored.error().detail;
    ASSERT_TRUE(stored->created);
  }
  Page list(const ListQuery& query) {
    auto page = run(context_, store_.list(query, in(20s)));
    if (!page) throw std::runtime_error(page.error().detail);
    return std::move(*page);
  }
  std::vector<std::string> ids(const ListQuery& query) {
    std::vector<std::string> result;
    for (const Event& event : list(query).events) result.push_back(event.event_id);
    return result;
  }
  std::string count() const { return server_->superuser("SELECT count(*) FROM audit_events", "audit").at(0); }

  static std::unique_ptr<postgres::testing::Server> server_;
  boost::asio::io_context context_;
  engine::Engine engine_{context_.get_executor(), options(), "audit", {}, {}};
  Store store_{engine_, "audit"};
};
std::unique_ptr<postgres::testing::Server> StoreTest::server_;

TEST_F(StoreTest, gives_back_every_field_as_it_was) {
  Event parent = smallest();
  must_insert(parent);
  Event event = smallest("2026-02-28T23:59:59.000001Z");
  event.event_data = "{ \"z\" : 1.50,\n\t\"a\":\"\\u00e9 é 𝄞\", \"z\":[1e2, 12345678901234567890123456789] }";
  event.parent_event_id = parent.event_id;
  event.parent_event_date = parse_date("2026-02-28");
  event.namespace_name = "";
  event.cluster_id = "quote ' \" \\ backslash";
  event.actor_ip = "2001:db8::1";
  event.duration_ms = 9223372036854775807;
  event.error_code = "E1";
  event.error_message = "line\nbreak";
  event.retention_days = 1;
  event.is_sensitive = true;
  must_insert(event);
  const auto found = run(context_, store_.get(event.event_id, in(20s)));
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_EQ(**found, event);
  const auto other = run(context_, store_.get(parent.event_id, in(20s)));
  EXPECT_EQ(**other, parent);
}

TEST_F(StoreTest, finds_nothing_under_an_unknown_id) {
  const auto found = run(context_, store_.get(new_event_id(), in(20s)));
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_FALSE(found->has_value());
}

TEST_F(StoreTest, stores_an_id_once_and_answers_the_same_again) {
  const Event event = smallest();
  must_insert(event);
  Event again = smallest("2026-02-28T12:00:00Z");
  again.event_id = event.event_id;
  again.event_data = R"({"other":true})";
  const auto repeated = insert(again);
  ASSERT_TRUE(repeated) << repeated.error().detail;
  EXPECT_FALSE(repeated->created);
  EXPECT_EQ(repeated->event_timestamp, event.event_timestamp);
  EXPECT_EQ(**run(context_, store_.get(event.event_id, in(20s))), event);
  EXPECT_EQ(count(), "1");
}

TEST_F(StoreTest, stores_an_id_once_when_many_come_at_once) {
  const Event event = smallest();
  int created = 0;
  int answered = 0;
  const auto work = [&](Store& store) -> boost::asio::awaitable<void> {
    const auto stored = co_await store.insert(event, in(20s));
    EXPECT_TRUE(stored);
    if (stored) ++answered;
    if (stored && stored->created) ++created;
  };
  context_.restart();
  for (int i = 0; i < 40; ++i) boost::asio::co_spawn(context_, work(store_), boost::asio::detached);
  while (answered < 40 && context_.run_one_for(20s) > 0) {
  }
  EXPECT_EQ(answered, 40);
  EXPECT_EQ(created, 1);
  EXPECT_EQ(count(), "1");
}

TEST_F(StoreTest, wants_the_parent_to_exist) {
  Event event = smallest();
  event.parent_event_id = new_event_id();
  const auto orphan = insert(event);
  ASSERT_FALSE(orphan);
  EXPECT_EQ(orphan.error().kind, StoreError::Kind::kParentMissing);
  EXPECT_EQ(orphan.error().detail, "parent event does not exist");

  Event parent = smallest("2026-02-27T23:30:00Z");
  must_insert(parent);
  event.parent_event_id = parent.event_id;
  event.parent_event_date = parse_date("2026-02-28");
  EXPECT_EQ(insert(event).error().kind, StoreError::Kind::kParentMissing);
  event.parent_event_date = parse_date("2026-02-27");
  must_insert(event);

  // A repeated call is answered although its parent is gone.
  server_->superuser("DELETE FROM audit_events WHERE event_id = '" + parent.event_id + "'", "audit");
  const auto repeated = insert(event);
  ASSERT_TRUE(repeated) << repeated.error().detail;
  EXPECT_FALSE(repeated->created);
}

TEST_F(StoreTest, lists_newest_first_in_pages) {
  std::vector<std::string> expected;
  for (int second = 0; second < 5; ++second) {
    Event event = smallest("2026-02-28T11:00:0" + std::to_string(second) + "Z");
    event.event_id = "0000000" + std::to_string(second) + "-0000-4000-8000-000000000001";
    must_insert(event);
    expected.insert(expected.begin(), event.event_id);
    event.event_id.back() = '2';  // at the same moment: by id
    must_insert(event);
    expected.insert(expected.begin(), event.event_id);
  }
  EXPECT_EQ(ids({}), expected);
  const Page first = list({.limit = 4});
  EXPECT_EQ(first.events.size(), 4U);
  EXPECT_EQ(first.pagination, (Pagination{.limit = 4, .offset = 0, .total = 10, .has_more = true}));
  const Page last = list({.limit = 4, .offset = 8});
  EXPECT_EQ(last.events.back().event_id, expected.back());
  EXPECT_EQ(last.pagination, (Pagination{.limit = 4, .offset = 8, .total = 10, .has_more = false}));
  const Page beyond = list({.limit = 4, .offset = 9223372036854775807});
  EXPECT_TRUE(beyond.events.empty());
  EXPECT_EQ(beyond.pagination.total, 10);
  EXPECT_FALSE(beyond.pagination.has_more);
}

TEST_F(StoreTest, applies_every_filter) {
  const Event plain = smallest("2026-02-28T10:00:00Z");
  must_insert(plain);
  Event marked = smallest("2026-02-28T11:00:00Z");
  marked.event_type = "t2";
  marked.event_category = "c2";
  marked.event_outcome = "failure";
  marked.severity = "critical";
  marked.correlation_id = "' OR true --";
  marked.event_data = R"({"key":"old","key":"value","number":1.50,"nested":{"key":"x"},"null":null})";
  must_insert(marked);
  const std::vector<std::string> only_marked{marked.event_id};
  const std::vector<std::string> only_plain{plain.event_id};
  EXPECT_EQ(ids({.event_type = "t2"}), only_marked);
  EXPECT_EQ(ids({.event_category = "c2"}), only_marked);
  EXPECT_EQ(ids({.event_outcome = "failure"}), only_marked);
  EXPECT_EQ(ids({.severity = "critical"}), only_marked);
  EXPECT_EQ(ids({.correlation_id = "' OR true --"}), only_marked);
  EXPECT_EQ(ids({.since = marked.event_timestamp}), only_marked);
  EXPECT_EQ(ids({.until = plain.event_timestamp}), only_plain);
  EXPECT_EQ(ids({.detail = DetailFilter{"key", "value"}}), only_marked);
  EXPECT_EQ(ids({.detail = DetailFilter{"number", "1.50"}}), only_marked);
  EXPECT_TRUE(ids({.detail = DetailFilter{"key", "old"}}).empty());
  EXPECT_TRUE(ids({.detail = DetailFilter{"key", "x"}}).empty());
  EXPECT_TRUE(ids({.event_type = "t2", .severity = "info"}).empty());
  EXPECT_EQ(ids({.event_type = "t2",
                 .event_category = "c2",
                 .event_outcome = "failure",
                 .severity = "critical",
                 .correlation_id = "' OR true --",
                 .since = marked.event_timestamp,
                 .until = marked.event_timestamp,
                 .detail = DetailFilter{"key", "value"}}),
            only_marked);
  const Page none = list({.event_type = "none"});
  EXPECT_TRUE(none.events.empty());
  EXPECT_EQ(none.pagination, (Pagination{.limit = 50, .offset = 0, .total = 0, .has_more = false}));
}

TEST_F(StoreTest, refuses_a_page_that_would_not_fit_in_memory) {
  for (int i = 0; i < 9; ++i) {
    Event event = smallest("2026-02-28T11:00:0" + std::to_string(i) + "Z");
    event.event_data = R"({"x":")" + std::string(4'000'000, 'x') + "\"}";
    must_insert(event);
  }
  const auto page = run(context_, store_.list({}, in(30s)));
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().kind, StoreError::Kind::kPageTooLarge);
  EXPECT_EQ(list({.limit = 8}).events.size(), 8U);
}

TEST_F(StoreTest, survives_the_loss_of_its_connections) {
  must_insert(smallest());
  server_->superuser("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = 'app'");
  must_insert(smallest());
  EXPECT_EQ(count(), "2");
}

TEST_F(StoreTest, says_unavailable_while_postgresql_is_away) {
  server_->stop();
  const auto refused = run(context_, store_.insert(smallest(), in(2s)));
  server_->start();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, StoreError::Kind::kUnavailable);
  EXPECT_GE(refused.error().retry_after, 1s);
}

}  // namespace
}  // namespace storagepool::audit
