// The connection is lost while events are being stored, at every point of the exchange: whether the server
// had committed or not, in the end each event is stored exactly once.
#include "pool/ingest/ingest.h"

#include <cstdio>

#include "pool/ingest/testing/ingest_fixture.h"
#include "pool/postgres/testing/relay.h"

namespace storagepool::ingest {
namespace {

using postgres::testing::Relay;
using testing::Call;
using testing::client_event;
using testing::IngestTest;
using testing::Kind;
using testing::new_event;
using testing::Pod;
using testing::run;
using namespace std::chrono_literals;

class IngestInDoubtTest : public IngestTest {
 protected:
  std::vector<event::Event> some_events(bool client_made) {
    if (!client_made) return {new_event(), new_event()};
    char id[40];
    std::snprintf(id, sizeof id, "dddddddd-0000-4000-8000-%012d", ++made_);
    return {client_event(id), new_event()};
  }
  // Sends the call again until it is answered 201, as a client or the replay of the journal does.
  void store_in_the_end(Ingest& ingest, const std::vector<event::Event>& events) {
    const Call* call = &start(ingest, events);
    finish();
    for (int i = 0; i < 3 && !call->stored(); ++i) {
      EXPECT_EQ(call->refused(), Kind::kUnavailable) << call->answer->error().detail;
      call = &start(ingest, events);
      finish();
    }
    EXPECT_TRUE(call->stored());
  }

  int made_ = 0;
};

TEST_F(IngestInDoubtTest, EveryCutIsSurvivedWithEachEventStoredOnce) {
  Relay relay(server_->port(), Relay::Ends::kCarried);
  Pod& pod = make_pod({}, 1, relay.port());
  std::size_t stored = 0;
  const auto warm = [&](bool client_made) {  // the session is there, its statements are prepared
    must_store(pod.ingest, some_events(client_made));
    stored += 2;
  };
  for (const bool client_made : {false, true}) {
    for (const auto direction : {Relay::kToServer, Relay::kToClient}) {
      warm(client_made);
      const auto before = relay.carried(direction);
      warm(client_made);
      const auto whole = relay.carried(direction) - before;
      ASSERT_GT(whole, 20);
      // Every byte of the answer, which says what became of the commit; of the request every 23rd, and the
      // end, with which the server begins.
      const auto step = [&](std::int64_t bytes) {
        return direction == Relay::kToClient || whole - bytes <= 30 ? 1 : 23;
      };
      for (std::int64_t bytes = 0; bytes < whole; bytes += step(bytes)) {
        warm(client_made);
        const auto repeats = pod.ingest.statistics().counters.repeats;
        relay.cut_after(direction, bytes);
        store_in_the_end(pod.ingest, some_events(client_made));
        stored += 2;
        EXPECT_GT(pod.ingest.statistics().counters.repeats, repeats) << "no cut after " << bytes;
      }
    }
  }
  EXPECT_EQ(count(), std::to_string(stored));
  EXPECT_EQ(sql("SELECT count(*) FROM audit_event_ids"), std::to_string(made_));
  expect_exact();
}

TEST_F(IngestInDoubtTest, WhatIsThereAlreadyIsLeftAndTheRestIsStored) {
  Pod& pod = make_pod();
  std::vector<event::Event> events = must_store(pod.ingest, some_events(false)).events;
  events.push_back(new_event());
  must_store(pod.ingest, events);
  EXPECT_EQ(count(), "3");
}

TEST_F(IngestInDoubtTest, ACommitThatAFailoverHasLostIsMadeAgain) {
  const postgres::testing::Server next;
  {
    Pod migrating(context_, next);
    auto lease = run(context_, migrating.engine.acquire("audit", testing::in(20s)));
    ASSERT_TRUE(lease) << lease.error().detail;
    ASSERT_TRUE(run(context_, tables::migrate(**lease, tables::migrations(), testing::in(20s))));
  }
  for (const bool client_made : {false, true}) {
    Relay relay(server_->port(), Relay::Ends::kCarried);
    Pod& pod = make_pod({}, 1, relay.port());
    must_store(pod.ingest, some_events(client_made));
    relay.lead_to(next.port());
    relay.cut_after(Relay::kToClient, 0);
    const Call& call = must_store(pod.ingest, some_events(client_made));
    for (const event::Event& event : call.events) {
      const std::string found = "SELECT count(*) FROM audit_events WHERE event_id = '" + event.event_id + "'";
      EXPECT_EQ(next.superuser(found, "audit").at(0), "1");
      EXPECT_EQ(sql(found), "1") << "it was committed by the one that is lost";
    }
    calls_.clear();
  }
}

}  // namespace
}  // namespace storagepool::ingest
