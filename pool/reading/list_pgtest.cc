#include <algorithm>
#include <chrono>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "pool/common/runtime/clock.h"
#include "pool/reading/reading.h"
#include "pool/reading/testing/reading_fixture.h"
#include "pool/tables/partitions.h"

namespace storagepool::reading {
namespace {

using postgres::testing::run;
using ListTest = testing::ReadingFixture;

TEST_F(ListTest, ListsNewestFirstInPages) {
  std::vector<std::string> expected;
  for (int second = 0; second < 5; ++second) {
    event::Event event = smallest("2026-02-28T11:00:0" + std::to_string(second) + "Z");
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
  EXPECT_EQ(first.pagination, (Pagination{.limit = 4,
                                          .offset = 0,
                                          .total = 10,
                                          .has_more = true,
                                          .next = format_cursor({first.events.back().event_timestamp,
                                                                 first.events.back().event_id})}));
  const Page last = list({.limit = 4, .offset = 8});
  EXPECT_EQ(last.events.back().event_id, expected.back());
  EXPECT_EQ(last.pagination, (Pagination{.limit = 4, .offset = 8, .total = 10, .has_more = false}));
  const Page beyond = list({.limit = 4, .offset = 9223372036854775807});
  EXPECT_TRUE(beyond.events.empty());
  EXPECT_EQ(beyond.pagination.total, 10);
  EXPECT_FALSE(beyond.pagination.has_more);
  const Page all = list({.limit = 10});
  EXPECT_EQ(all.pagination, (Pagination{.limit = 10, .offset = 0, .total = 10, .has_more = false}));
}

TEST_F(ListTest, GoesOnFromACursorWhateverComesAndGoesAboveIt) {
  std::vector<std::string> expected;
  for (int second = 5; second >= 0; --second) {
    const event::Event event = smallest("2026-02-28T11:00:0" + std::to_string(second) + "Z");
    must_insert(event);
    expected.push_back(event.event_id);
  }
  const Page first = list({.limit = 2});
  ASSERT_TRUE(first.pagination.next);
  must_insert(smallest("2026-02-28T12:00:00Z"));
  superuser("DELETE FROM audit_events WHERE event_id = '" + expected[1] + "'");
  const Page second = list({.limit = 2, .cursor = parse_cursor(*first.pagination.next)});
  EXPECT_EQ(ids_of(second.events), (std::vector<std::string>{expected[2], expected[3]}));
  EXPECT_FALSE(second.pagination.offset);
  EXPECT_FALSE(second.pagination.total);
  const Page last = list({.limit = 2, .cursor = parse_cursor(second.pagination.next.value())});
  EXPECT_EQ(ids_of(last.events), (std::vector<std::string>{expected[4], expected[5]}));
  EXPECT_EQ(last.pagination, (Pagination{.limit = 2, .has_more = false}));
  const Page none = list({.cursor = Cursor{last.events.back().event_timestamp, last.events.back().event_id}});
  EXPECT_TRUE(none.events.empty());
  EXPECT_FALSE(none.pagination.has_more);
}

// Events of few values each, so that filters meet; at few moments of four months, so that many are at one.
std::vector<event::Event> random_events(int count, std::mt19937& random) {
  const auto pick = [&](const std::vector<std::string>& values) {
    return values[std::uniform_int_distribution<std::size_t>(0, values.size() - 1)(random)];
  };
  std::vector<event::Event> events;
  for (int i = 0; i < count; ++i) {
    const std::string time =
        pick({"2019-12-31T23:59:59.999999Z", "2020-01-01T00:00:00Z", "2020-01-15T00:00:00Z",
              "2020-01-31T23:59:59.999999Z", "2020-02-01T00:00:00Z", "2020-02-29T12:00:00Z",
              "2020-03-01T00:00:00.000001Z", "2018-01-01T00:00:00Z"});
    event::Event event =
        event::testing::smallest_event(event::new_event_id(*runtime::parse_timestamp(time)), time);
    event.event_type = pick({"a", "b", "c"});
    event.event_category = pick({"x", "y"});
    event.event_outcome = pick({"success", "failure", "pending"});
    event.severity = pick({"info", "warning"});
    event.correlation_id = pick({"1", "2", "3", "4"});
    event.actor_id = pick({"somebody", "a \"quoted\\\\\" one, with a comma"});
    if (pick({"", "e"}) == "e") event.error_code = "E1";
    if (pick({"", "p"}) == "p") event.received_at = event.event_timestamp + std::chrono::hours(24);
    event.event_data = R"({"k":)" + pick({"1.50", "true", "\"1.50\"", "\"v\"", "null"}) + "}";
    events.push_back(event);
  }
  std::sort(events.begin(), events.end(), [](const event::Event& a, const event::Event& b) {
    return std::pair(a.event_timestamp, a.event_id) > std::pair(b.event_timestamp, b.event_id);
  });
  return events;
}

ListQuery random_query(std::mt19937& random) {
  const auto chance = [&](double share) { return std::bernoulli_distribution(share)(random); };
  ListQuery query;
  if (chance(0.3)) query.event_type = chance(0.5) ? OneOf("a") : OneOf{"a", "c", "none"};
  if (chance(0.3)) query.event_category = chance(0.5) ? OneOf("x") : OneOf{"y", "x"};
  if (chance(0.3)) query.event_outcome = chance(0.5) ? "success" : "failure";
  if (chance(0.3)) query.severity = chance(0.5) ? OneOf("info") : OneOf{"warning", "info"};
  if (chance(0.2)) query.correlation_id = chance(0.5) ? OneOf("1") : OneOf{"4", "2"};
  if (chance(0.1)) query.actor_id = {"a \"quoted\\\\\" one, with a comma", "nobody"};
  if (chance(0.1)) query.error_code = "E1";
  if (chance(0.1)) query.received_since = runtime::parse_timestamp("2020-01-16T00:00:00Z");
  if (chance(0.1)) query.received_until = runtime::parse_timestamp("2020-02-02T00:00:00Z");
  if (chance(0.3))
    query.since = runtime::parse_timestamp(chance(0.5) ? "2020-01-01T00:00:00Z" : "2020-02-01T00:00:00Z");
  if (chance(0.3)) query.until = runtime::parse_timestamp("2020-02-29T12:00:00Z");
  if (chance(0.2)) query.detail = DetailFilter{"k", chance(0.5) ? "1.50" : "true"};
  query.limit = std::uniform_int_distribution<std::int64_t>(3, 60)(random);
  return query;
}

bool matches(const event::Event& event, const ListQuery& query) {
  const auto equal = [](const OneOf& wanted, const std::optional<std::string>& value) {
    return !wanted || (value && std::ranges::count(wanted.values, *value) > 0);
  };
  const auto holds = [&](const DetailFilter& detail) {
    const std::string& data = event.event_data;
    return data == R"({"k":)" + detail.value + "}" || data == R"({"k":")" + detail.value + R"("})";
  };
  return equal(query.event_type, event.event_type) && equal(query.event_category, event.event_category) &&
         equal(query.event_outcome, event.event_outcome) && equal(query.severity, event.severity) &&
         equal(query.correlation_id, event.correlation_id) && equal(query.actor_id, event.actor_id) &&
         equal(query.error_code, event.error_code) &&
         (!query.received_since || event.received_at >= query.received_since) &&
         (!query.received_until || (event.received_at && event.received_at <= query.received_until)) &&
         (!query.since || event.event_timestamp >= *query.since) &&
         (!query.until || event.event_timestamp <= *query.until) && (!query.detail || holds(*query.detail));
}

TEST_F(ListTest, GivesTheSameByOffsetAndByCursorAndWhatTheFiltersSay) {
  std::mt19937 random(20260228);
  must(run(context_,
           tables::maintain(*session_, *runtime::parse_timestamp("2020-01-15T00:00:00Z"), deadline())));
  const std::vector<event::Event> events = random_events(250, random);
  for (const event::Event& event : events) must_insert(event);
  for (int round = 0; round < 80; ++round) {
    ListQuery query = random_query(random);
    std::vector<std::string> expected;
    for (const event::Event& event : events) {
      if (matches(event, query)) expected.push_back(event.event_id);
    }
    query.oldest_first = round % 2 == 1;
    if (round % 3 == 1) query.count = Count::kExact;
    if (round % 3 == 2) query.count = Count::kNone;
    if (query.oldest_first) std::ranges::reverse(expected);
    std::vector<std::string> by_offset;
    std::vector<std::string> by_cursor;
    std::optional<std::string> next;
    for (bool more = true; more;) {
      query.offset = static_cast<std::int64_t>(by_offset.size());
      const Page page = list(query);
      EXPECT_EQ(page.pagination.total,
                query.count == Count::kNone
                    ? std::nullopt
                    : std::optional<std::int64_t>(static_cast<std::int64_t>(expected.size())));
      EXPECT_EQ(page.pagination.next.has_value(), page.pagination.has_more);
      const auto shown = ids_of(page.events);
      by_offset.insert(by_offset.end(), shown.begin(), shown.end());
      more = page.pagination.has_more;
      ASSERT_TRUE(!more || page.events.size() == static_cast<std::size_t>(query.limit));
    }
    query.offset = 0;
    query.count = Count::kUsual;
    do {
      if (next) query.cursor = parse_cursor(*next);
      const Page page = list(query);
      const auto shown = ids_of(page.events);
      by_cursor.insert(by_cursor.end(), shown.begin(), shown.end());
      next = page.pagination.next;
      ASSERT_LE(by_cursor.size(), expected.size());
    } while (next);
    EXPECT_EQ(by_offset, expected) << round;
    EXPECT_EQ(by_cursor, expected) << round;
  }
}

TEST_F(ListTest, AppliesEveryFilter) {
  const event::Event plain = smallest("2026-02-28T10:00:00Z");
  must_insert(plain);
  event::Event marked = smallest("2026-02-28T11:00:00Z");
  marked.event_type = "t2";
  marked.event_category = "c2";
  marked.event_outcome = "failure";
  marked.severity = "critical";
  marked.correlation_id = "' OR true --";
  marked.event_action = "a2";
  marked.actor_id = "i2";
  marked.actor_type = "j2";
  marked.resource_type = "k2";
  marked.resource_id = "l2";
  marked.namespace_name = "m2";
  marked.cluster_id = "n2";
  marked.error_code = "o2";
  marked.principal = "p2";
  marked.received_at = marked.event_timestamp + std::chrono::seconds{1};
  marked.event_data = R"({"key":"old","key":"value","number":1.50,"nested":{"key":"x"},"null":null})";
  must_insert(marked);
  const std::vector<std::string> only_marked{marked.event_id};
  const std::vector<std::string> only_plain{plain.event_id};
  EXPECT_EQ(ids({.event_type = "t2"}), only_marked);
  EXPECT_EQ(ids({.event_category = "c2"}), only_marked);
  EXPECT_EQ(ids({.event_outcome = "failure"}), only_marked);
  EXPECT_EQ(ids({.severity = "critical"}), only_marked);
  EXPECT_EQ(ids({.correlation_id = "' OR true --"}), only_marked);
  EXPECT_EQ(ids({.event_action = "a2"}), only_marked);
  EXPECT_EQ(ids({.actor_id = "i2"}), only_marked);
  EXPECT_EQ(ids({.actor_type = "j2"}), only_marked);
  EXPECT_EQ(ids({.resource_type = "k2"}), only_marked);
  EXPECT_EQ(ids({.resource_id = "l2"}), only_marked);
  EXPECT_EQ(ids({.namespace_name = "m2"}), only_marked);
  EXPECT_EQ(ids({.cluster_id = "n2"}), only_marked);
  EXPECT_EQ(ids({.error_code = "o2"}), only_marked);
  EXPECT_EQ(ids({.principal = "p2"}), only_marked);
  EXPECT_EQ(ids({.received_since = marked.received_at}), only_marked);
  EXPECT_TRUE(ids({.received_since = *marked.received_at + std::chrono::microseconds{1}}).empty());
  EXPECT_EQ(ids({.received_until = marked.received_at}), only_marked);
  EXPECT_TRUE(ids({.received_until = marked.event_timestamp}).empty());
  EXPECT_EQ(ids({.event_type = {"t2", "'"}}), only_marked);
  EXPECT_EQ(ids({.since = marked.event_timestamp}), only_marked);
  EXPECT_EQ(ids({.until = plain.event_timestamp}), only_plain);
  EXPECT_EQ(ids({.detail = DetailFilter{"key", "value"}}), only_marked);
  EXPECT_EQ(ids({.detail = DetailFilter{"number", "1.50"}}), only_marked);
  EXPECT_TRUE(ids({.detail = DetailFilter{"key", "old"}}).empty());
  EXPECT_TRUE(ids({.detail = DetailFilter{"key", "x"}}).empty());
  EXPECT_EQ(ids({.detail = DetailFilter{"key", "value"}, .sees_sensitive = false}), only_marked);
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
  const Page beyond = list({.correlation_id = {"none", "' OR true --"}, .offset = 9223372036854775807});
  EXPECT_TRUE(beyond.events.empty());
  EXPECT_EQ(beyond.pagination.total, 1);
  const Page none = list({.event_type = "none"});
  EXPECT_TRUE(none.events.empty());
  EXPECT_EQ(none.pagination, (Pagination{.limit = 50, .offset = 0, .total = 0, .has_more = false}));
}

TEST_F(ListTest, FindsNoSensitiveEventByWhatItHoldsForWhoMayNotSeeIt) {
  event::Event open = smallest("2026-02-28T10:00:00Z");
  event::Event sensitive = smallest("2026-02-28T11:00:00Z");
  open.event_data = sensitive.event_data = R"({"key":"value"})";
  sensitive.is_sensitive = true;
  must_insert(open);
  must_insert(sensitive);
  const std::vector<std::string> both{sensitive.event_id, open.event_id};
  const std::vector<std::string> only_open{open.event_id};
  const auto detail = DetailFilter{"key", "value"};
  EXPECT_EQ(ids({.detail = detail}), both);
  EXPECT_EQ(ids({.detail = detail, .sees_sensitive = false}), only_open);
  EXPECT_EQ(list({.detail = detail, .sees_sensitive = false}).pagination.total, 1);
  EXPECT_EQ(ids({.sees_sensitive = false}), both);
}

TEST_F(ListTest, HidesWhatHasBeenKeptForLongEnough) {
  event::Event brief = smallest("2026-02-27T12:00:00Z");
  brief.retention_days = 1;
  must_insert(brief);
  const event::Event kept = smallest("2026-02-26T12:00:00Z");
  must_insert(kept);
  clock_.stand_at("2026-02-28T11:59:59.999999Z");
  EXPECT_EQ(ids({}), (std::vector<std::string>{brief.event_id, kept.event_id}));
  EXPECT_EQ(**get(brief.event_id), brief);
  clock_.stand_at("2026-02-28T12:00:00Z");
  const Page page = list({});
  EXPECT_EQ(ids_of(page.events), std::vector<std::string>{kept.event_id});
  EXPECT_EQ(page.pagination.total, 1);
  EXPECT_FALSE(get(brief.event_id)->has_value());
}

// By the earlier of both clocks.
TEST_F(ListTest, HidesNothingEarlyByAClockThatIsAhead) {
  event::Event event = smallest(runtime::format_timestamp(runtime::wall_now()));
  event.retention_days = 10;
  must_insert(event);
  clock_.stand_at("2999-01-01T00:00:00Z");
  EXPECT_EQ(ids({}), std::vector<std::string>{event.event_id});
}

TEST_F(ListTest, CountsNoFurtherThanTenThousand) {
  must(run(context_,
           tables::maintain(*session_, *runtime::parse_timestamp("2020-01-15T00:00:00Z"), deadline())));
  const auto insert_many = [](int first, int last) {
    superuser(R"(INSERT INTO audit_events SELECT gen_random_uuid(), '2020-01-15T09:00Z'::timestamptz +
  i % 2 * interval '1 month' + i * interval '1 s', '1.0', 't', 'c', 'a', 'success', 'r', NULL, NULL, 'c', 'r', 'info',
  's', 's', 2555, false, '{}' FROM generate_series()" +
              std::to_string(first) + ", " + std::to_string(last) + ") AS i");
  };
  insert_many(1, 10'000);
  EXPECT_EQ(list({.limit = 2}).pagination.total, 10'000);
  EXPECT_FALSE(list({.limit = 2}).pagination.total_is_minimum);
  insert_many(10'001, 10'021);
  const Pagination first = list({.limit = 2}).pagination;
  EXPECT_EQ(first.total, 10'000);
  EXPECT_TRUE(first.total_is_minimum);
  EXPECT_TRUE(first.has_more);
  const Pagination deep = list({.limit = 5, .offset = 10'010}).pagination;
  EXPECT_EQ(deep.total, 10'016);
  EXPECT_TRUE(deep.total_is_minimum);
  const Pagination last = list({.limit = 20, .offset = 10'001}).pagination;
  EXPECT_EQ(last.total, 10'021);  // the page shows it
  EXPECT_FALSE(last.total_is_minimum);
  EXPECT_FALSE(last.has_more);
  EXPECT_EQ(list({.limit = 20, .offset = 20'000}).pagination.total, 10'021);
  const Pagination exact = list({.limit = 2, .count = Count::kExact}).pagination;
  EXPECT_EQ(exact.total, 10'021);
  EXPECT_FALSE(exact.total_is_minimum);
  EXPECT_TRUE(exact.has_more);
}

TEST_F(ListTest, CountsNothingForWhoWantsNoTotal) {
  for (int second = 0; second < 4; ++second)
    must_insert(smallest("2026-02-28T11:00:0" + std::to_string(second) + "Z"));
  const auto page = [this](std::int64_t offset) {
    return list({.limit = 2, .offset = offset, .count = Count::kNone}).pagination;
  };
  for (const std::int64_t offset : {0, 1, 2, 7}) {
    EXPECT_EQ(page(offset).offset, offset);
    EXPECT_FALSE(page(offset).total);
    EXPECT_FALSE(page(offset).total_is_minimum);
    EXPECT_EQ(page(offset).has_more, offset < 2);
  }
}

TEST_F(ListTest, GivesLargeEventsAmongSmallOnes) {
  const auto data = [](std::size_t bytes) { return "{\"k\":\"" + std::string(bytes - 8, 'x') + "\"}"; };
  std::vector<event::Event> events;
  for (int second = 5; second > 0; --second)
    events.push_back(smallest("2026-02-28T11:00:0" + std::to_string(second) + "Z"));
  events[1].event_data = data(kSmallEvent);
  events[2].event_data = data(kSmallEvent - 1);
  events[2].error_message = "ä";
  events[3].error_message = std::string(2 * kSmallEvent, 'y');
  for (const event::Event& event : events) must_insert(event);
  for (const std::int64_t limit : {2, 4, 50, 100}) {
    const Page page = list({.limit = limit});
    const auto shown = std::min<std::size_t>(events.size(), static_cast<std::size_t>(limit));
    ASSERT_EQ(page.events.size(), shown);
    for (std::size_t at = 0; at < shown; ++at) {
      EXPECT_EQ(page.events[at].event_data, events[at].event_data);
      EXPECT_EQ(page.events[at].error_message, events[at].error_message);
    }
    EXPECT_EQ(page.pagination.total, 5);
    EXPECT_EQ(page.pagination.has_more, limit < 5);
  }
}

TEST_F(ListTest, RefusesAPageThatWouldNotFitInMemory) {
  for (int i = 0; i < 9; ++i) {
    event::Event event = smallest("2026-02-28T11:00:0" + std::to_string(i) + "Z");
    event.event_data = R"({"x":")" + std::string(4'000'000, 'x') + "\"}";
    must_insert(event);
  }
  const auto page = try_list({});
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().kind, tables::StoreError::Kind::kPageTooLarge);
  EXPECT_EQ(list({.limit = 8}).events.size(), 8U);
}

}  // namespace
}  // namespace storagepool::reading
