// The ingest when rows are bad or the server fails under it: nothing acknowledged is lost, nothing is stored
// twice, and the fault of one call is not another's.
#include "pool/ingest/ingest.h"

#include <cstdio>

#include "pool/ingest/testing/ingest_fixture.h"

namespace storagepool::ingest {
namespace {

using testing::Call;
using testing::client_event;
using testing::IngestTest;
using testing::Kind;
using testing::new_event;
using testing::Pod;
using namespace std::chrono_literals;

class IngestFaultsTest : public IngestTest {
 protected:
  void TearDown() override {
    server_->superuser("ALTER SYSTEM RESET ALL");
    server_->superuser("SELECT pg_reload_conf()");
    IngestTest::TearDown();
    sql("SET default_transaction_read_only = off; DROP TRIGGER IF EXISTS fault ON audit_events");
  }

  // The trigger's function runs `body` for every row that is inserted.
  static void on_insert(const std::string& body) {
    sql("CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " + body +
        " RETURN NEW; END $$");
    sql("DROP TRIGGER IF EXISTS fault ON audit_events");
    sql("CREATE TRIGGER fault BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION fault()");
  }
};

TEST_F(IngestFaultsTest, ABadRowFailsAlone) {
  Pod& pod = make_pod({}, 1);
  std::vector<event::Event> bad(4, new_event());
  for (event::Event& event : bad) event.event_id = new_event().event_id;
  bad[0].event_data = "not JSON";
  bad[1].retention_days = 1'000'000'000'000;
  bad[2].error_message = "\xFF";
  bad[3].actor_ip = "zzz";
  std::optional<engine::Lease> hold = hold_connection(pod);
  std::vector<const Call*> refused;
  for (std::size_t i = 0; i < 500; ++i) {
    const bool is_bad = i % 125 == 60;
    const Call& call = start(pod.ingest, {is_bad ? bad[i / 125] : new_event()});
    if (is_bad) refused.push_back(&call);
  }
  // The rest of a call shares its fate.
  std::vector<event::Event> unit{new_event(), bad[0]};
  hold.reset();
  finish();
  refused.push_back(&start(pod.ingest, unit));
  finish();
  for (const Call* call : refused) EXPECT_EQ(call->refused(), Kind::kRejected);
  EXPECT_EQ(count(), "496");
  expect_exact();
  const auto counters = pod.ingest.statistics().counters;
  EXPECT_EQ(counters.batches, 2U);
  EXPECT_EQ(counters.rejected, 5U);
  EXPECT_LE(counters.bisections, 4U * 9);
}

TEST_F(IngestFaultsTest, ARowThatTheDatabaseRefusesFailsAlone) {
  on_insert("IF NEW.severity = 'bad' THEN RAISE EXCEPTION 'no'; END IF;");
  Pod& pod = make_pod({}, 1);
  std::optional<engine::Lease> hold = hold_connection(pod);
  event::Event bad = client_event("aaaaaaaa-9b7c-4def-8123-456789abcdef");
  bad.severity = "bad";
  for (int i = 0; i < 10; ++i) start(pod.ingest, {new_event()});
  const Call& refused = start(pod.ingest, {bad});
  hold.reset();
  finish();
  EXPECT_EQ(refused.refused(), Kind::kRejected);
  EXPECT_EQ(count(), "10");
  // The id was not taken by the attempt that failed.
  bad.severity = "info";
  EXPECT_TRUE((**must_store(pod.ingest, {bad}).answer)[0].created);
}

TEST_F(IngestFaultsTest, RepeatsWhatMetADeadlockOnce) {
  sql("DROP SEQUENCE IF EXISTS attempts");
  sql("CREATE SEQUENCE attempts");
  sql("GRANT USAGE ON SEQUENCE attempts TO app");
  on_insert("IF nextval('attempts') = 1 THEN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END IF;");
  Pod& pod = make_pod();
  must_store(pod.ingest, {new_event()});
  EXPECT_EQ(pod.ingest.statistics().counters.repeats, 1U);
  on_insert("RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01';");
  const Call& refused = start(pod.ingest, {new_event()});
  finish();
  EXPECT_EQ(refused.refused(), Kind::kUnavailable);
  EXPECT_EQ(pod.ingest.statistics().counters.repeats, 2U);
  EXPECT_EQ(count(), "1");
}

// What the sender of an event cannot mend: no grant, a disk error, the stop before a wraparound, corruption.
TEST_F(IngestFaultsTest, WhatTheClientCannotMendIsNeverItsFault) {
  Pod& pod = make_pod({}, 2);
  for (const char* sqlstate :
       {"0A000", "25006", "26000", "42501", "42703", "42P01", "42P05", "53100", "53200", "54000", "55000",
        "57014", "57P01", "58030", "P0000", "XX000", "XX001", "ZZ999"}) {
    on_insert("RAISE EXCEPTION 'no' USING ERRCODE = '" + std::string(sqlstate) + "';");
    const Call& alone = start(pod.ingest, {new_event()});
    finish();
    std::optional<engine::Lease> first = hold_connection(pod);
    std::optional<engine::Lease> second = hold_connection(pod);
    for (int i = 0; i < 3; ++i) start(pod.ingest, {new_event(), new_event()});
    first.reset();
    second.reset();
    finish();
    EXPECT_EQ(alone.refused(), Kind::kUnavailable) << sqlstate;
    EXPECT_EQ(calls_.back().refused(), Kind::kUnavailable) << sqlstate;
    EXPECT_GE(alone.answer->error().retry_after, 1s);
    sql("DROP TRIGGER fault ON audit_events");
    must_store(pod.ingest, alone.events);
  }
  EXPECT_EQ(pod.ingest.statistics().counters.rejected, 0U);
  EXPECT_EQ(pod.ingest.statistics().counters.bisections, 0U);
  expect_exact();
}

TEST_F(IngestFaultsTest, WithoutAGrantEventsWaitForSomebody) {
  Pod& pod = make_pod();
  sql("ALTER TABLE audit_events OWNER TO postgres");
  std::string outcomes;
  pod.ingest.on_outcome([&](const std::string& database, const tables::StoreError* error) {
    outcomes += database + " " + (error != nullptr ? error->sqlstate : "stored") + ", ";
  });
  const Call& refused = start(pod.ingest, {new_event()});
  finish();
  sql("ALTER TABLE audit_events OWNER TO app");
  EXPECT_EQ(refused.refused(), Kind::kUnavailable);
  EXPECT_TRUE(refused.answer->error().needs_person);
  must_store(pod.ingest, refused.events);
  EXPECT_EQ(outcomes, "audit 42501, audit stored, ");
}

// As after a switch-over, when the sessions lead to what is a standby now.
TEST_F(IngestFaultsTest, SessionsThatCannotWriteAnyMoreAreReplaced) {
  Pod& pod = make_pod({}, 1);
  must_store(pod.ingest, {new_event()});
  sql("ALTER SYSTEM SET default_transaction_read_only = on");
  sql("SELECT pg_reload_conf()");
  const Call* refused = nullptr;
  wait_until([&] {  // until the session has read its settings
    if (refused == nullptr || refused->stored()) refused = &start(pod.ingest, {new_event()}, 2s);
    return refused->refused().has_value();
  });
  EXPECT_EQ(refused->refused(), Kind::kUnavailable);
  EXPECT_EQ(pod.engine.statistics().idle, 0);
  sql("ALTER SYSTEM RESET default_transaction_read_only");
  sql("SELECT pg_reload_conf()");
  const Call* again = nullptr;
  wait_until([&] {
    if (again == nullptr || again->refused()) again = &start(pod.ingest, refused->events);
    return again->stored();
  });
  finish();
  expect_exact();
}

// The server waits for a standby that does not exist after it has committed; a backend that is terminated
// then ends without saying that it has.
TEST_F(IngestFaultsTest, ACommitWhoseAnswerIsLostIsFoundByTheSecondAttempt) {
  Pod& pod = make_pod();
  must_store(pod.ingest, {new_event()});
  for (const bool client_made : {false, true}) {
    server_->superuser("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    server_->superuser("SELECT pg_reload_conf()");
    const auto committed =
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND wait_event = 'SyncRep'";
    event::Event event = client_made ? client_event("aaaaaaaa-9b7c-4def-8123-456789abcdef") : new_event();
    // A call that is made before the server has read its settings is answered at once.
    const Call* call = nullptr;
    wait_until([&] {
      if (call == nullptr || call->answer) {
        std::snprintf(event.event_id.data(), 9, "%08zu", calls_.size());
        event.event_id[8] = '-';
        call = &start(pod.ingest, {event});
      }
      return sql(committed) == "1";
    });
    const auto before = pod.ingest.statistics().counters.repeats;
    EXPECT_FALSE(call->answer);
    server_->terminate("wait_event = 'SyncRep'");
    server_->superuser("ALTER SYSTEM RESET synchronous_standby_names");
    server_->superuser("SELECT pg_reload_conf()");
    finish();
    EXPECT_TRUE(call->stored()) << call->answer->error().detail;
    EXPECT_EQ(pod.ingest.statistics().counters.repeats, before + 1);
    expect_exact();
  }
}

TEST_F(IngestFaultsTest, AcknowledgesNothingThatIsLostWhileBackendsDieUnderLoad) {
  Pod& pod = make_pod();
  std::size_t answered = 0;
  for (int round = 0; round < 25; ++round) {
    for (int i = 0; i < 60; ++i) {
      std::vector<event::Event> unit{new_event()};
      if (i % 3 == 0) {
        char id[40];
        std::snprintf(id, sizeof id, "eeeeeeee-0000-4000-8000-%06d%06d", round, i);
        unit.push_back(client_event(id));
      }
      start(pod.ingest, std::move(unit));
    }
    answered += 20;
    wait_until([&] {
      return static_cast<std::size_t>(std::count_if(calls_.begin(), calls_.end(), [](const Call& call) {
               return call.answer.has_value();
             })) >= answered;
    });
    server_->superuser("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'");
  }
  finish();
  expect_exact();
  std::size_t stored = 0;
  for (const Call& call : calls_) {
    stored += call.stored() ? 1 : 0;
    EXPECT_TRUE(call.stored() || call.refused() == Kind::kUnavailable) << call.answer->error().detail;
  }
  EXPECT_GT(stored, calls_.size() / 2);
  // Whoever was refused repeats the call and everything is there once.
  for (std::size_t i = 0, known = calls_.size(); i < known; ++i) {
    if (!calls_[i].stored()) start(pod.ingest, calls_[i].events);
  }
  finish();
  expect_exact();
  EXPECT_EQ(count(), std::to_string(25 * (60 + 20)));
}

TEST_F(IngestFaultsTest, SaysUnavailableWhilePostgresqlIsAway) {
  Pod& pod = make_pod();
  must_store(pod.ingest, {new_event()});
  server_->stop();
  for (int i = 0; i < 20; ++i) start(pod.ingest, {new_event()}, 500ms);
  finish();
  server_->start();
  for (std::size_t i = 1; i < calls_.size(); ++i) {
    EXPECT_EQ(calls_[i].refused(), Kind::kUnavailable);
    EXPECT_GE(calls_[i].answer->error().retry_after, 1s);
  }
  must_store(pod.ingest, {new_event()});
  EXPECT_EQ(count(), "2");
}

}  // namespace
}  // namespace storagepool::ingest
