// What the ingest stores and answers on a real server.
#include "pool/ingest/ingest.h"

#include <cstdio>
#include <numeric>
#include <thread>

#include "pool/ingest/testing/ingest_fixture.h"

namespace storagepool::ingest {
namespace {

using testing::Call;
using testing::client_event;
using testing::in;
using testing::IngestTest;
using testing::Kind;
using testing::new_event;
using testing::Pod;
using testing::run;
using namespace std::chrono_literals;

constexpr const char* kClientId = "aaaaaaaa-9b7c-4def-8123-456789abcdef";

std::vector<event::Event> new_events(std::size_t count) {
  std::vector<event::Event> events;
  for (std::size_t i = 0; i < count; ++i) events.push_back(new_event());
  return events;
}

TEST_F(IngestTest, GivesBackEveryFieldAsItWas) {
  Pod& pod = make_pod();
  event::Event parent = new_event();
  event::Event event = new_event("2026-02-28T23:59:59.000001Z");
  event.event_data = "{ \"z\" : 1.50,\n\t\"a\":\"\\u00e9 é 𝄞\", \"z\":[1e2, 12345678901234567890123456789] }";
  event.parent_event_id = parent.event_id;
  event.parent_event_date = runtime::parse_date("2026-02-28");
  event.namespace_name = "";
  event.cluster_id = "quote ' \" \\ backslash";
  event.actor_ip = "2001:db8::1";
  event.duration_ms = 9223372036854775807;
  event.error_code = "E1";
  event.error_message = "line\nbreak";
  event.retention_days = 2000;
  event.is_sensitive = true;
  event::Event old = client_event(kClientId, "1969-12-31T23:59:59.999999Z");
  old.actor_ip = "192.0.2.7";
  const Call& call = must_store(pod.ingest, {event, parent, old});
  ASSERT_EQ((*call.answer)->size(), 3U);
  EXPECT_EQ((**call.answer)[2].event_timestamp, old.event_timestamp);

  reading::Reader reader(pod.engine, "audit");
  for (const event::Event& expected : {event, parent}) {
    const auto found = run(context_, reader.get("audit", expected.event_id, in(20s)));
    ASSERT_TRUE(found && *found) << expected.event_id;
    EXPECT_EQ(**found, expected);
  }
  // Its term has passed, so that nobody is shown it any more.
  EXPECT_EQ(server_->superuser("SELECT (extract(epoch FROM event_timestamp) * 1000000)::bigint || ' ' || "
                               "host(actor_ip) FROM audit_events WHERE event_timestamp < '1970-01-01Z'",
                               "audit"),
            std::vector<std::string>{"-1 192.0.2.7"});
}

TEST_F(IngestTest, GivesBackWhatAllEventsOfACallHaveAndWhatOnlySomeHave) {
  Pod& pod = make_pod();
  std::vector<event::Event> events(3, new_event());
  for (event::Event& event : events) {
    event = new_event();
    event.namespace_name = "payments";
    event.actor_ip = "2001:db8::1";
    event.duration_ms = 9223372036854775807;
    event.retention_days = 2000;
    event.parent_event_date = runtime::parse_date("2026-02-28");
    event.principal = "it's \"\\";
    event.received_at = runtime::parse_timestamp("2026-02-28T11:22:34.000001Z");
    event.received_from = "192.0.2.7";
  }
  const auto expect_stored = [&](bool at_once = true) {
    if (at_once) must_store(pod.ingest, events);
    for (std::size_t i = 0; !at_once && i < events.size(); ++i) must_store(pod.ingest, {events[i]});
    reading::Reader reader(pod.engine, "audit");
    for (const event::Event& expected : events) {
      const auto found = run(context_, reader.get("audit", expected.event_id, in(20s)));
      ASSERT_TRUE(found && *found) << expected.event_id;
      EXPECT_EQ(**found, expected);
    }
  };
  expect_stored();
  for (event::Event& event : events) event.event_id = new_event().event_id;
  events[1].namespace_name.reset();
  events[1].actor_ip.reset();
  events[1].duration_ms.reset();
  events[1].retention_days = 2001;
  events[1].is_sensitive = true;
  events[1].received_at.reset();
  events[2].received_from.reset();
  events[2].principal.reset();
  events[2].error_code = "E1";
  expect_stored();
  for (event::Event& event : events) event.event_id = new_event().event_id;
  events[1].event_data = "{ \"z\" : 1.50,\n\t\"a\":\"\\u00e9 é\" }";
  events[1].salt = "c2FsdA==";
  const event::Event late = new_event("2026-02-28T23:59:59.999999Z");
  events[2].event_id = late.event_id;
  events[2].event_timestamp = late.event_timestamp;
  events[2].parent_event_id = kClientId;
  events[2].parent_missing = true;
  expect_stored(false);
}

TEST_F(IngestTest, ManyCallsShareFewCommits) {
  Pod& pod = make_pod();
  for (int i = 0; i < 300; ++i) start(pod.ingest, {new_event()});
  finish();
  for (const Call& call : calls_) {
    ASSERT_TRUE(call.stored());
    EXPECT_TRUE((**call.answer)[0].created);
  }
  EXPECT_EQ(count(), "300");
  expect_exact();
  const auto counters = pod.ingest.statistics().counters;
  EXPECT_EQ(counters.events, 300U);
  EXPECT_LT(counters.batches, 30U);
  EXPECT_EQ(counters.repeats, 0U);
}

TEST_F(IngestTest, WritesALargeCallWhole) {
  Pod& pod = make_pod({.max_batch_events = 10});
  must_store(pod.ingest, new_events(500));
  EXPECT_EQ(pod.ingest.statistics().counters.batches, 1U);
  EXPECT_EQ(count(), "500");
}

TEST_F(IngestTest, CountsBatchesBySizeAndByTime) {
  Pod& pod = make_pod({}, 1);
  {
    const auto held = hold_connection(pod);
    for (const std::size_t size : {1U, 2U, 4U}) start(pod.ingest, new_events(size));
    wait_until([&] { return pod.ingest.statistics().load.events == 7; });
  }
  finish();
  event::Event orphan = new_event();
  orphan.parent_event_id = kClientId;
  start(pod.ingest, {orphan});  // a batch, though nothing of it is stored
  finish();
  const auto counters = pod.ingest.statistics().counters;
  EXPECT_EQ(counters.batches, 2U);
  EXPECT_EQ(counters.batch_events.sum(), 8);
  EXPECT_EQ(counters.batch_events.counts().at(0), 1U);  // of 1
  EXPECT_EQ(counters.batch_events.counts().at(3), 1U);  // of 6 to 10
  const auto& times = counters.batch_seconds.counts();
  EXPECT_EQ(std::accumulate(times.begin(), times.end(), std::uint64_t{0}), 2U);
  EXPECT_GT(counters.batch_seconds.sum(), 0);
}

TEST_F(IngestTest, AnEmptyCallStoresNothing) {
  const Call& call = must_store(make_pod().ingest, {});
  EXPECT_TRUE((*call.answer)->empty());
}

TEST_F(IngestTest, ARepeatedCallAnswersWhatIsStored) {
  Pod& pod = make_pod();
  const event::Event event = client_event(kClientId);
  EXPECT_TRUE((**must_store(pod.ingest, {event}).answer)[0].created);
  const event::Event again = event;
  const event::Event fresh = client_event("bbbbbbbb-9b7c-4def-8123-456789abcdef");
  const event::Event ours = new_event();
  const auto answer = **must_store(pod.ingest, {fresh, again, ours}).answer;
  ASSERT_EQ(answer.size(), 3U);
  EXPECT_TRUE(answer[0].created);
  EXPECT_FALSE(answer[1].created);
  EXPECT_EQ(answer[1].event_timestamp, event.event_timestamp);
  EXPECT_TRUE(answer[2].created);
  EXPECT_EQ(count(), "3");
  EXPECT_EQ(pod.ingest.statistics().counters.events, 3U);
}

TEST_F(IngestTest, AnIdOfOursIsStoredOnceHoweverOftenItIsReplayed) {
  Pod& pod = make_pod();
  const event::Event event = new_event();
  for (int i = 0; i < 3; ++i) must_store(pod.ingest, {event});
  EXPECT_EQ(count(), "1");
}

TEST_F(IngestTest, StoresAnIdOnceWhenManyComeAtOnceToTwoPods) {
  Pod& one = make_pod();
  Pod& two = make_pod();
  for (int i = 0; i < 40; ++i) {
    Ingest& ingest = i % 2 == 0 ? one.ingest : two.ingest;
    // In opposite orders, which must not deadlock.
    std::vector<event::Event> unit{client_event(kClientId),
                                   client_event("bbbbbbbb-9b7c-4def-8123-456789abcdef")};
    if (i % 4 < 2) std::swap(unit[0], unit[1]);
    start(ingest, std::move(unit));
    start(ingest, {new_event()});
  }
  finish();
  int created = 0;
  for (const Call& call : calls_) {
    ASSERT_TRUE(call.stored()) << call.answer->error().detail;
    for (const Stored& stored : **call.answer) created += stored.created ? 1 : 0;
  }
  EXPECT_EQ(created, 42);
  EXPECT_EQ(count(), "42");
}

TEST_F(IngestTest, RefusesIdsThatItCouldNotKeepApart) {
  Pod& pod = make_pod();
  const event::Event event = new_event();
  event::Event no_id = new_event();
  no_id.event_id.clear();
  event::Event upper_case = new_event();
  upper_case.event_id = "AAAAAAAA-9B7C-4DEF-8123-456789ABCDEF";
  event::Event bad_parent = new_event();
  bad_parent.parent_event_id = "zzz";
  const std::vector<std::vector<event::Event>> calls{{event, event}, {no_id}, {upper_case}, {bad_parent}};
  for (const auto& call : calls) {
    const Call& refused = start(pod.ingest, call);
    finish();
    EXPECT_EQ(refused.refused(), Kind::kRejected);
  }
  EXPECT_EQ(count(), "0");
}

TEST_F(IngestTest, WantsParentsToExist) {
  Pod& pod = make_pod({}, 1);
  event::Event parent = new_event("2026-02-27T23:30:00Z");
  const event::Event client_parent = client_event(kClientId, "2026-01-15T00:00:00Z");
  must_store(pod.ingest, {parent, client_parent});
  const auto child_of = [](const std::string& id, const char* date = nullptr) {
    event::Event event = new_event();
    event.parent_event_id = id;
    if (date != nullptr) event.parent_event_date = runtime::parse_date(date);
    return event;
  };
  event::Event sibling = new_event();
  event::Event itself = client_event("cccccccc-9b7c-4def-8123-456789abcdef");
  itself.parent_event_id = itself.event_id;
  const std::string unknown = new_event().event_id;
  const std::string unknown_time = "dddddddd-9b7c-4def-8123-456789abcdef";

  std::optional<engine::Lease> hold = hold_connection(pod);
  const std::vector<const Call*> stored{
      &start(pod.ingest, {child_of(parent.event_id)}),
      &start(pod.ingest, {child_of(parent.event_id, "2026-02-27")}),
      &start(pod.ingest, {child_of(client_parent.event_id)}),
      &start(pod.ingest, {child_of(client_parent.event_id, "2026-01-15")}),
      &start(pod.ingest, {child_of(sibling.event_id, "2026-02-28"), sibling}),
      &start(pod.ingest, {new_event()}),
  };
  const std::vector<const Call*> orphans{
      &start(pod.ingest, {child_of(unknown)}),
      &start(pod.ingest, {child_of(unknown_time)}),
      &start(pod.ingest, {child_of(unknown_time, "2026-02-28")}),
      &start(pod.ingest, {child_of(parent.event_id, "2026-02-28")}),
      &start(pod.ingest, {child_of(client_parent.event_id, "2026-01-16")}),
      &start(pod.ingest, {child_of(sibling.event_id, "2026-02-27")}),
      &start(pod.ingest, {new_event(), child_of(unknown)}),
      &start(pod.ingest, {itself}),
  };
  hold.reset();
  finish();
  for (std::size_t i = 0; i < stored.size(); ++i) {
    EXPECT_TRUE(stored[i]->stored()) << i << ": " << stored[i]->answer->error().detail;
  }
  for (std::size_t i = 0; i < orphans.size(); ++i) {
    EXPECT_EQ(orphans[i]->refused(), Kind::kParentMissing) << i;
  }
  EXPECT_EQ(orphans[0]->answer->error().detail, "parent event does not exist");
  EXPECT_EQ(pod.ingest.statistics().counters.batches, 2U);
  EXPECT_EQ(count(), "9");
}

TEST_F(IngestTest, AChildIsToldTheDateOfItsParent) {
  Pod& pod = make_pod();
  event::Event parent = new_event("2026-02-27T23:30:00Z");
  parent.event_id = event::new_event_id(parent.event_timestamp);
  const event::Event client_parent = client_event(kClientId, "2026-01-15T00:00:00Z");
  must_store(pod.ingest, {parent, client_parent});
  for (const event::Event& one : {parent, client_parent}) {
    event::Event child = new_event();
    child.parent_event_id = one.event_id;
    must_store(pod.ingest, {child});
  }
  event::Event sibling = new_event("2026-02-26T10:00:00Z");
  event::Event child = new_event();
  child.parent_event_id = sibling.event_id;
  must_store(pod.ingest, {child, sibling});
  EXPECT_EQ(
      sql("SELECT string_agg(parent_event_date::text, ' ' ORDER BY parent_event_date) FROM audit_events"),
      "2026-01-15 2026-02-26 2026-02-27");
}

TEST_F(IngestTest, ARepeatedCallIsAnsweredAlthoughItsParentIsGone) {
  Pod& pod = make_pod();
  const event::Event parent = new_event();
  must_store(pod.ingest, {parent});
  event::Event event = client_event(kClientId);
  event.parent_event_id = parent.event_id;
  must_store(pod.ingest, {event});
  sql("DELETE FROM audit_events WHERE event_id = '" + parent.event_id + "'");
  EXPECT_FALSE((**must_store(pod.ingest, {event}).answer)[0].created);
}

TEST_F(IngestTest, KeepsDatabasesApart) {
  Pod& pod = make_pod();
  for (int i = 0; i < 150; ++i) {
    start(pod.ingest, {client_event(kClientId), new_event()}, 30s, kDatabases[i % 3]);
    start(pod.ingest, {new_event()}, 30s, kDatabases[i % 2]);
  }
  const Call& missing = start(pod.ingest, {new_event()}, 30s, "audit_ws_missing");
  finish();
  EXPECT_EQ(missing.refused(), Kind::kDatabaseMissing);
  for (const Call& call : calls_) EXPECT_TRUE(call.stored() || &call == &missing);
  EXPECT_EQ(count("audit"), "126");
  EXPECT_EQ(count("audit_ws_a"), "126");
  EXPECT_EQ(count("audit_ws_b"), "51");
}

TEST_F(IngestTest, ADatabaseThatIsDroppedRefusesAndTheOthersGoOn) {
  Pod& pod = make_pod();
  must_store(pod.ingest, {new_event()}, "audit_ws_a");
  const auto closed = run(context_, pod.engine.close_database("audit_ws_a", in(20s)));
  ASSERT_TRUE(closed);
  const Call& refused = start(pod.ingest, {new_event()}, 30s, "audit_ws_a");
  const Call& other = start(pod.ingest, {new_event()});
  finish();
  EXPECT_EQ(refused.refused(), Kind::kDatabaseMissing);
  EXPECT_TRUE(other.stored());
}

// Each pod on a thread of its own, as in life; for ThreadSanitizer.
TEST_F(IngestTest, TwoPodsOnTwoThreadsStoreEveryEventOnce) {
  constexpr int kCallers = 16;
  constexpr int kCalls = 20;
  const auto load = [&](int pod_number, std::uint64_t& created) {
    boost::asio::io_context context{1};
    Pod pod(context, *server_);
    int left = kCallers;
    const auto caller = [](Pod* target, int number, int* callers,
                           std::uint64_t* sum) -> boost::asio::awaitable<void> {
      for (int i = 0; i < kCalls; ++i) {
        // The first is made by both pods.
        char shared[40];
        std::snprintf(shared, sizeof shared, "eeeeeeee-0000-4000-8000-%06d%06d", number, i);
        std::vector<event::Event> unit;
        unit.push_back(client_event(shared));
        unit.push_back(new_event());
        auto answer = co_await target->ingest.store("audit", std::move(unit), in(30s));
        if (!answer) continue;
        for (const Stored& stored : *answer) *sum += stored.created ? 1 : 0;
      }
      --*callers;
    };
    for (int i = 0; i < kCallers; ++i)
      boost::asio::co_spawn(context, caller(&pod, i, &left, &created), boost::asio::detached);
    const auto give_up = in(60s);
    while (left > 0 && std::chrono::steady_clock::now() < give_up) context.run_one_until(give_up);
    EXPECT_EQ(left, 0) << "in pod " << pod_number;
    EXPECT_TRUE(run(context, pod.ingest.drain(in(20s))));
    EXPECT_TRUE(run(context, pod.engine.drain(in(20s))));
  };
  std::uint64_t created[2] = {0, 0};
  {
    std::jthread other([&] { load(1, created[1]); });
    load(0, created[0]);
  }
  EXPECT_EQ(created[0] + created[1], std::uint64_t{kCallers} * kCalls * 3);
  EXPECT_EQ(count(), std::to_string(kCallers * kCalls * 3));
}

}  // namespace
}  // namespace storagepool::ingest
