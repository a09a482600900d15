// What the ingest writes for the log beside the rows: an entry for each row that is stored, and for no other.
#include <gmock/gmock.h>

#include "pool/common/encoding/encoding.h"
#include "pool/evidence/entry.h"
#include "pool/ingest/testing/ingest_fixture.h"
#include "pool/tables/row.h"

namespace storagepool::ingest {
namespace {

using testing::client_event;
using ::testing::ElementsAre;
using testing::in;
using testing::IngestTest;
using ::testing::IsEmpty;
using testing::new_event;
using testing::Pod;
using testing::run;
using ::testing::UnorderedElementsAreArray;
using namespace std::chrono_literals;

const evidence::Keys kKeys = evidence::make_keys("abcdefghijklmnopqrstuvwxyz012345");

class EntriesTest : public IngestTest {
 protected:
  Pod& make_logging_pod(std::int64_t connections = 8) {
    Pod& pod = make_pod({}, connections);
    pod.ingest.set_log_keys(kKeys);
    return pod;
  }

  // Number of events of each batch, and which of them if not all, in the order of commits.
  static std::vector<std::string> batches() {
    return server_->superuser(
        "SELECT events || coalesce(' of ' || octet_length(entries) / 67 || ': ' || array_to_string(kept, "
        "','), "
        "'') FROM audit_batches ORDER BY tx, batch",
        "audit");
  }

  // Reads each row back and makes its entry anew: those are the entries that are kept, in the row's batch.
  void expect_entries_of_the_rows(Pod& pod) {
    evidence::EntryWriter writer(kKeys);
    const auto lease = hold_connection(pod);
    auto rows = run(context_,
                    lease->execute("SELECT batch, " + tables::kEventColumns + " FROM audit_events", in(20s)));
    ASSERT_TRUE(rows) << rows.error().detail;
    std::vector<std::string> expected;
    for (auto& row : rows->rows) {
      const std::string batch = row.at(0).value_or("none");
      const auto event = tables::read_event(std::move(row), 1);
      ASSERT_TRUE(event);
      std::string entry;
      writer.append(entry, *event);
      expected.push_back(batch + " " + encoding::encode_hex(entry));
    }
    EXPECT_THAT(
        server_->superuser(
            "SELECT batch || ' ' || encode(substring(entries FROM place * 67 - 66 FOR 67), 'hex') FROM "
            "audit_batches, generate_series(1, octet_length(entries) / 67) AS place "
            "WHERE kept IS NULL OR place = ANY(kept)",
            "audit"),
        UnorderedElementsAreArray(expected));
    const auto stored = run(context_, lease->execute("SELECT batch, translate(encode(entries, 'base64'), "
                                                     "E'\\n', ''), encode(mac, 'hex') FROM audit_batches",
                                                     in(20s)));
    ASSERT_TRUE(stored) << stored.error().detail;
    for (const auto& row : stored->rows) {
      const auto entries = encoding::decode_base64(row.at(1).value_or(""));
      ASSERT_TRUE(entries);
      const auto mac = writer.mac(std::stoll(row.at(0).value_or("")), *entries);
      EXPECT_EQ(row.at(2), encoding::encode_hex(std::string(mac.begin(), mac.end())));
    }
  }
};

TEST_F(EntriesTest, AreOfWhatIsReadBack) {
  Pod& pod = make_logging_pod();
  event::Event parent = new_event();
  event::Event full = new_event("2026-02-28T23:59:59.000001Z");
  full.event_data =
      "{ \"z\" : 1.50,\n\t\"a\":\"\\u00e9 é 𝄞\", \"z\":[1e-20000, 12345678901234567890123456789] }";
  full.parent_event_id = parent.event_id;
  full.namespace_name = "";
  full.cluster_id = "quote ' \" \\ backslash";
  full.actor_ip = "2001:db8::1";
  full.duration_ms = 9223372036854775807;
  full.error_message = "line\nbreak";
  full.is_sensitive = true;
  full.principal = "system:serviceaccount:payments:gateway";
  full.received_at = runtime::parse_timestamp("2026-02-28T23:59:59.5Z");
  full.received_from = "::ffff:192.0.2.7";
  full.salt = "MDEyMzQ1Njc4OWFiY2RlZg==";
  event::Event old = client_event("aaaaaaaa-9b7c-4def-8123-456789abcdef", "1969-12-31T23:59:59.999999Z");
  must_store(pod.ingest, {parent, full, old});
  must_store(pod.ingest, {new_event()});
  EXPECT_THAT(batches(), ElementsAre("3", "1"));
  expect_entries_of_the_rows(pod);
}

TEST_F(EntriesTest, OfWhatWasStoredBeforeAreNotKept) {
  Pod& pod = make_logging_pod();
  const event::Event ours = new_event();
  const event::Event theirs = client_event("aaaaaaaa-9b7c-4def-8123-456789abcdef");
  must_store(pod.ingest, {ours});
  must_store(pod.ingest, {ours});
  must_store(pod.ingest, {new_event(), ours, new_event()});
  must_store(pod.ingest, {theirs, new_event()});
  must_store(pod.ingest, {theirs});
  must_store(pod.ingest, {new_event(), theirs});
  EXPECT_THAT(batches(), ElementsAre("1", "2 of 3: 1,3", "2", "1 of 2: 1"));
  expect_entries_of_the_rows(pod);
}

// Who seals them hears of them as they are in the table.
TEST_F(EntriesTest, AreToldAsTheyWereRecorded) {
  Pod& pod = make_logging_pod();
  std::vector<std::string> told;
  pod.ingest.on_recorded([&](const std::string& database, const Recorded& batch) {
    EXPECT_EQ(database, "audit");
    told.push_back(std::to_string(batch.batch) + " " + std::to_string(batch.events) + " " +
                   batch.kept.value_or("all"));
  });
  const event::Event ours = new_event();
  const event::Event theirs = client_event("aaaaaaaa-9b7c-4def-8123-456789abcdef");
  for (const std::vector<event::Event>& events :
       std::vector<std::vector<event::Event>>{{ours},
                                              {ours},
                                              {ours, new_event()},
                                              {new_event(), new_event()},
                                              {theirs},
                                              {theirs},
                                              {new_event(), theirs}})
    must_store(pod.ingest, events);
  EXPECT_THAT(told, ::testing::ElementsAreArray(server_->superuser(
                        "SELECT batch || ' ' || events || ' ' || coalesce(kept::text, 'all') "
                        "FROM audit_batches ORDER BY tx",
                        "audit")));
  EXPECT_EQ(told.size(), 5U);
}

// Two calls with one event, as after a commit in doubt.
TEST_F(EntriesTest, OfAnEventThatIsInABatchTwiceOneIsKept) {
  Pod& pod = make_logging_pod(1);
  const event::Event event = new_event();
  {
    const auto held = hold_connection(pod);
    start(pod.ingest, {new_event(), event});
    start(pod.ingest, {event});
    wait_until([&] { return pod.ingest.statistics().load.events == 3; });
  }
  finish();
  EXPECT_THAT(batches(), ElementsAre("2 of 3: 1,2"));
  expect_entries_of_the_rows(pod);
}

TEST_F(EntriesTest, OfWhatIsRefusedAreNotStored) {
  Pod& pod = make_logging_pod(1);
  const event::Event theirs = client_event("aaaaaaaa-9b7c-4def-8123-456789abcdef");
  must_store(pod.ingest, {theirs});
  event::Event other = theirs;
  other.actor_id = "other";
  event::Event bad = new_event();
  bad.event_data = "{";
  {
    const auto held = hold_connection(pod);
    start(pod.ingest, {new_event(), other});  // a conflict
    start(pod.ingest, {new_event()});
    wait_until([&] { return pod.ingest.statistics().load.events == 3; });
  }
  finish();
  EXPECT_THAT(batches(), ElementsAre("1", "1 of 3: 3"));
  sql("ALTER TABLE audit_events ADD CONSTRAINT no_x CHECK (actor_id <> 'x')");
  other = new_event();
  other.actor_id = "x";
  {
    const auto held = hold_connection(pod);
    start(pod.ingest, {new_event()});
    start(pod.ingest, {other});
    wait_until([&] { return pod.ingest.statistics().load.events == 2; });
  }
  finish();
  sql("ALTER TABLE audit_events DROP CONSTRAINT no_x");
  EXPECT_THAT(batches(), ElementsAre("1", "1 of 3: 3", "1"));
  expect_entries_of_the_rows(pod);
}

// 12 random bits are not many: two pods may make one id in the same microsecond.
TEST_F(EntriesTest, AnIdThatAnotherBatchHasIsMadeAnew) {
  Pod& pod = make_logging_pod();
  sql("CREATE SEQUENCE attempts; GRANT USAGE ON attempts TO app;"
      "CREATE FUNCTION clash() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "IF nextval('attempts') % 2 = 1 THEN "
      "RAISE unique_violation USING CONSTRAINT = 'audit_batches_pkey'; END IF; RETURN NEW; END $$;"
      "CREATE TRIGGER clash BEFORE INSERT ON audit_batches FOR EACH ROW EXECUTE FUNCTION clash()");
  must_store(pod.ingest, {new_event()});
  must_store(pod.ingest, {client_event("aaaaaaaa-9b7c-4def-8123-456789abcdef")});
  sql("DROP TRIGGER clash ON audit_batches; DROP FUNCTION clash; DROP SEQUENCE attempts");
  EXPECT_THAT(batches(), ElementsAre("1", "1"));
  expect_entries_of_the_rows(pod);
}

TEST_F(EntriesTest, WorkAfterABatchHasTheConnectionThatItWasWrittenOn) {
  Pod& pod = make_logging_pod(1);
  std::vector<std::string> asked;
  std::string seen;
  const auto count_there = [&](postgres::Connection& connection) -> boost::asio::awaitable<void> {
    const auto rows = co_await connection.execute("SELECT count(*) FROM audit_batches", in(20s));
    if (rows) seen += rows->rows.at(0).at(0).value_or("") + " ";
    EXPECT_EQ(pod.engine.statistics().in_use, 1);
  };
  pod.ingest.afterwards([&](const std::string& database, postgres::Connection& connection) {
    asked.push_back(database);
    std::optional<boost::asio::awaitable<void>> work;
    if (database == "audit") work.emplace(count_there(connection));
    return work;
  });
  must_store(pod.ingest, {new_event()});
  must_store(pod.ingest, {new_event()}, "audit_ws_a");
  must_store(pod.ingest, {new_event()});
  EXPECT_TRUE(run(context_, pod.ingest.drain(in(20s))));
  wait_until([&] { return seen == "1 2 "; });
  EXPECT_THAT(asked, ElementsAre("audit", "audit_ws_a", "audit"));
}

TEST_F(EntriesTest, AreNotMadeWithoutKeys) {
  Pod& pod = make_logging_pod();
  pod.ingest.set_log_keys(std::nullopt);
  must_store(pod.ingest, {new_event()});
  must_store(pod.ingest, {client_event("aaaaaaaa-9b7c-4def-8123-456789abcdef")});
  EXPECT_THAT(batches(), IsEmpty());
  EXPECT_EQ(sql("SELECT count(*) FROM audit_events WHERE batch IS NULL"), "2");
}

}  // namespace
}  // namespace storagepool::ingest
