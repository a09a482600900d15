#include "pool/evidence/feed/chunk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/event/serialize.h"
#include "pool/event/testing/smallest_event.h"
#include "pool/evidence/entry.h"
#include "pool/evidence/sealing/testing/batches.h"

namespace storagepool::evidence {
namespace {

using testing::entry;

runtime::Timestamp at(const char* text) {
  return *runtime::parse_timestamp(text);
}

TEST(FeedChunk, ReadsWhatEntriesSay) {
  const auto events =
      read_entries(41, entry(1, "2026-02-28T11:22:33.000001Z", 1) + entry(2, "1969-12-31T23:59:59Z", 2555));
  ASSERT_TRUE(events);
  ASSERT_EQ(events->size(), 1U) << "more than half a century later";
  EXPECT_EQ(events->at(0).seq, 41U);
  EXPECT_EQ(events->at(0).key,
            (reading::EventKey{"00000000-0000-0000-0000-000000000001", at("2026-02-28T11:22:33.000001Z")}));
  EXPECT_EQ(events->at(0).expires_at, at("2026-03-01T11:22:33.000001Z"));
  EXPECT_EQ(read_entries(0, "")->size(), 0U);
  EXPECT_FALSE(read_entries(0, "\x02" + entry(1).substr(1))) << "of another form";
  EXPECT_FALSE(read_entries(0, entry(1) + entry(2).substr(1)));
}

TEST(FeedChunk, EndsBeforeOneStatementHadToOpenTooManyMonths) {
  const std::string entries =
      entry(1, "2026-02-28T00:00:00Z") + entry(2, "2026-01-31T00:00:00Z") + entry(3, "2026-08-15T00:00:00Z");
  EXPECT_EQ(read_entries(0, entries)->size(), 3U) << "January to August are eight";
  EXPECT_EQ(read_entries(0, entries + entry(4, "2026-08-16T00:00:00Z"))->size(), 3U);
}

TEST(FeedChunk, AnItemIsThatOfListsWithItsPlaceFirst) {
  const event::Event event =
      event::testing::smallest_event("0190a6e2-9b7c-7def-8123-456789abcdef", "2026-02-28T11:22:33Z");
  const std::string of_lists = event::to_json(event);
  EXPECT_EQ(item_of(7, event), "{\"seq\":7," + of_lists.substr(1));
}

TEST(FeedChunk, WhatIsGoneIsSaidToBe) {
  const LoggedEvent event{.seq = 9,
                          .key = {"0190a6e2-9b7c-7def-8123-456789abcdef", at("2026-02-28T00:00:00Z")},
                          .expires_at = at("2026-03-07T00:00:00Z")};
  EXPECT_EQ(gone_item_of(event, at("2026-03-07T00:00:00Z")),
            R"({"seq":9,"event_id":"0190a6e2-9b7c-7def-8123-456789abcdef","expired":true})");
  EXPECT_EQ(gone_item_of(event, at("2026-03-06T23:59:59Z")),
            R"({"seq":9,"event_id":"0190a6e2-9b7c-7def-8123-456789abcdef","missing":true})");
}

}  // namespace
}  // namespace storagepool::evidence
