// Ids that clients made, used again: for the same event and for another one.
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "pool/event/idempotency.h"
#include "pool/ingest/testing/ingest_fixture.h"

namespace storagepool::ingest {
namespace {

using testing::client_event;
using testing::IngestTest;
using testing::new_event;
using namespace std::chrono_literals;
using RepeatsTest = IngestTest;

constexpr const char* kTaken = "aaaaaaaa-9b7c-4def-8123-456789abcdef";
constexpr const char* kFree = "bbbbbbbb-9b7c-4def-8123-456789abcdef";

event::Event with_content(event::Event event, const std::string& correlation_id) {
  event.correlation_id = correlation_id;
  return event;
}

TEST_F(RepeatsTest, OtherContentUnderAnIdIsAConflictAndNothingOfItsCallIsStored) {
  testing::Pod& pod = make_pod();
  must_store(pod.ingest, {client_event(kTaken)});
  const event::Event other = with_content(client_event(kTaken), "other");
  const testing::Call& alone = start(pod.ingest, {other});
  const testing::Call& among = start(pod.ingest, {new_event(), client_event(kFree), other});
  const testing::Call& beside = start(pod.ingest, {new_event()});
  finish();
  for (const testing::Call* call : {&alone, &among}) {
    ASSERT_EQ(call->refused(), testing::Kind::kConflict);
    EXPECT_EQ(call->answer->error().detail,
              std::string("the id ") + kTaken + " is that of an event with other content");
  }
  EXPECT_EQ(alone.answer->error().index, 0U);
  EXPECT_EQ(among.answer->error().index, 2U);
  EXPECT_TRUE(beside.stored());
  EXPECT_EQ(count(), "2");
  // The free id was not taken by the call that was refused.
  EXPECT_TRUE((**must_store(pod.ingest, {with_content(client_event(kFree), "another")}).answer)[0].created);
}

TEST_F(RepeatsTest, AnIdIsFoundWhateverTheTimeOfItsEventIsNow) {
  testing::Pod& pod = make_pod();
  must_store(pod.ingest, {client_event(kTaken)});
  for (const char* time : {"2026-04-28T12:00:00Z", "1969-12-31T23:59:59Z"}) {
    const testing::Call& moved = start(pod.ingest, {client_event(kTaken, time)});
    finish();
    EXPECT_EQ(moved.refused(), testing::Kind::kConflict) << time;
  }
  EXPECT_FALSE((**must_store(pod.ingest, {client_event(kTaken)}).answer)[0].created);
  EXPECT_EQ(count(), "1");
}

// Its client knows it from the answer and sends it again.
TEST_F(RepeatsTest, AnIdThatAPodMadeIsFoundToo) {
  testing::Pod& pod = make_pod();
  event::Event ours = new_event();
  ours.actor_ip = "2001:DB8::1";
  must_store(pod.ingest, {ours});
  ours.id_from_client = true;
  event::Event moved = ours;
  moved.event_timestamp += 5s;
  const testing::Call& refused = start(pod.ingest, {new_event(), moved});
  finish();
  EXPECT_EQ(refused.refused(), testing::Kind::kConflict);
  const auto& again = must_store(pod.ingest, {ours}).answer;
  EXPECT_FALSE((**again)[0].created);
  EXPECT_EQ((**again)[0].event_timestamp, ours.event_timestamp);
  EXPECT_EQ(count(), "1");
}

TEST_F(RepeatsTest, AnEventThatIsKeptForLongerThanItsClientAskedIsFoundBothWays) {
  testing::Pod& pod = make_pod();
  const auto raised_to = [](event::Event event, std::int64_t days) {
    event.asked_days = event.retention_days;
    event.retention_days = days;
    return event;
  };
  event::Event theirs = client_event("0190a6e2-9b7c-7def-8123-456789abcdef");
  theirs.retention_days = 30;
  must_store(pod.ingest, {raised_to(theirs, 90)});
  EXPECT_FALSE((**must_store(pod.ingest, {raised_to(theirs, 365)}).answer)[0].created);
  EXPECT_FALSE((**must_store(pod.ingest, {theirs}).answer)[0].created);
  event::Event ours = new_event();
  ours.retention_days = 30;
  must_store(pod.ingest, {raised_to(ours, 90)});
  ours.id_from_client = true;
  EXPECT_FALSE((**must_store(pod.ingest, {raised_to(ours, 90)}).answer)[0].created);
  ours.retention_days = 31;
  const testing::Call& other = start(pod.ingest, {ours});
  finish();
  EXPECT_EQ(other.refused(), testing::Kind::kConflict);
  EXPECT_EQ(count(), "2");
}

// The ids of an event at one place in a batch are the same however many events the batch has.
std::vector<event::Event> keyed_batch(std::size_t events) {
  std::vector<event::Event> unit;
  for (std::size_t index = 0; index < events; ++index) {
    unit.push_back(client_event(event::idempotent_event_id(event::Call::kBatch, "", "", "key", index)));
    unit.back().keyed_events = static_cast<std::int64_t>(events);
  }
  return unit;
}

TEST_F(RepeatsTest, ABatchUnderOneKeyKeepsTheNumberOfItsEvents) {
  testing::Pod& pod = make_pod();
  must_store(pod.ingest, keyed_batch(3));
  for (const std::size_t events : {1U, 2U, 4U}) {
    const testing::Call& other = start(pod.ingest, keyed_batch(events));
    const testing::Call& beside = start(pod.ingest, {new_event()});
    finish();
    ASSERT_EQ(other.refused(), testing::Kind::kConflict) << events;
    EXPECT_TRUE(other.answer->error().other_number);
    EXPECT_TRUE(beside.stored());
  }
  EXPECT_EQ(count(), "6");
  const auto& again = must_store(pod.ingest, keyed_batch(3)).answer;
  EXPECT_FALSE((**again)[2].created);
  event::Event alone = keyed_batch(3)[1];
  alone.keyed_events = 0;
  EXPECT_FALSE((**must_store(pod.ingest, {alone}).answer)[0].created)
      << "its client knows it from the answer";
  EXPECT_EQ(count(), "6");
}

// As when the first call was journalled, and both are stored by the replay.
TEST_F(RepeatsTest, OfBatchesOfOneKeyThatAreStoredAtOnceOneIsStored) {
  testing::Pod& pod = make_pod();
  const testing::Call& one = start(pod.ingest, keyed_batch(2));
  const testing::Call& two = start(pod.ingest, keyed_batch(3));
  finish();
  ASSERT_NE(one.stored(), two.stored());
  EXPECT_EQ((one.stored() ? two : one).refused(), testing::Kind::kConflict);
  EXPECT_EQ(count(), one.stored() ? "2" : "3");
}

TEST_F(RepeatsTest, WhatAnEarlierReleaseStoredCountsAsTheSame) {
  testing::Pod& pod = make_pod();
  must_store(pod.ingest, {client_event(kTaken)});
  sql("UPDATE audit_event_ids SET content_digest = NULL");
  EXPECT_FALSE((**must_store(pod.ingest, {with_content(client_event(kTaken), "other")}).answer)[0].created);
}

// Two pods, each with a call of its own content under one new id, and one more event in each.
TEST_F(RepeatsTest, OfTwoCallsAtOnceUnderOneIdOneIsStoredWhole) {
  testing::Pod& first = make_pod();
  testing::Pod& second = make_pod();
  constexpr int kRounds = 40;
  for (int round = 0; round < kRounds; ++round) {
    char id[40];
    std::snprintf(id, sizeof id, "eeeeeeee-0000-4000-8000-%012d", round);
    const testing::Call& one =
        start(first.ingest, {new_event(), with_content(client_event(id), "one"), new_event()});
    const testing::Call& two = start(second.ingest, {with_content(client_event(id), "two"), new_event()});
    finish();
    ASSERT_NE(one.stored(), two.stored()) << round;
    EXPECT_EQ((one.stored() ? two : one).refused(), testing::Kind::kConflict) << round;
    EXPECT_EQ((one.stored() ? two : one).answer->error().index, one.stored() ? 0U : 1U);
    EXPECT_EQ(count(), one.stored() ? "3" : "2");
    sql("DELETE FROM audit_events");
  }
}

TEST_F(RepeatsTest, AnEventWithoutItsParentIsStoredWithTheMark) {
  testing::Pod& pod = make_pod();
  event::Event child = new_event();
  child.parent_event_id = kFree;
  const testing::Call& orphan = start(pod.ingest, {child});
  finish();
  EXPECT_EQ(orphan.refused(), testing::Kind::kParentMissing);
  child.parent_missing = true;
  must_store(pod.ingest, {child});
  EXPECT_EQ(sql("SELECT parent_event_id || ' ' || parent_missing FROM audit_events"),
            std::string(kFree) + " true");
}

}  // namespace
}  // namespace storagepool::ingest
