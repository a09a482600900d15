#include "pool/reading/query.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::reading {
namespace {

using testing::HasSubstr;
using Parameters = std::vector<std::pair<std::string, std::string>>;

const runtime::Timestamp kNow = *runtime::parse_timestamp("2026-02-28T12:00:00Z");

std::string refusal(const Parameters& parameters, const std::string& field) {
  const auto query = parse_list_query(parameters, kNow);
  if (query) return "accepted";
  EXPECT_EQ(query.error().size(), 1U);
  EXPECT_EQ(query.error().at(0).field, field);
  return query.error().at(0).message;
}

TEST(ParseListQuery, HasDefaults) {
  EXPECT_EQ(parse_list_query({}, kNow).value(), ListQuery{});
  EXPECT_EQ(ListQuery{}.limit, 50);
}

TEST(ParseListQuery, TakesEveryFilter) {
  const Parameters parameters{{"event_type", "t"},
                              {"event_category", "c"},
                              {"event_outcome", "failure"},
                              {"severity", "info"},
                              {"correlation_id", "r"},
                              {"since", "2026-02-01T00:00:00+01:00"},
                              {"event_action", "a"},
                              {"actor_id", "i"},
                              {"actor_type", "j"},
                              {"resource_type", "k"},
                              {"resource_id", "l"},
                              {"namespace", "m"},
                              {"cluster_id", "n"},
                              {"error_code", "o"},
                              {"principal", "p"},
                              {"received_since", "2026-02-02"},
                              {"received_until", "15m"},
                              {"until", "30m"},
                              {"detail_key", "k"},
                              {"detail_value", ""},
                              {"limit", "1000"},
                              {"offset", "17"},
                              {"unknown", "ignored"}};
  const ListQuery expected{.event_type = "t",
                           .event_category = "c",
                           .event_outcome = "failure",
                           .severity = "info",
                           .correlation_id = "r",
                           .event_action = "a",
                           .actor_id = "i",
                           .actor_type = "j",
                           .resource_type = "k",
                           .resource_id = "l",
                           .namespace_name = "m",
                           .cluster_id = "n",
                           .error_code = "o",
                           .principal = "p",
                           .since = runtime::parse_timestamp("2026-01-31T23:00:00Z"),
                           .until = runtime::parse_timestamp("2026-02-28T11:30:00Z"),
                           .received_since = runtime::parse_timestamp("2026-02-02T00:00:00Z"),
                           .received_until = runtime::parse_timestamp("2026-02-28T11:45:00Z"),
                           .detail = DetailFilter{"k", ""},
                           .limit = 1000,
                           .offset = 17};
  EXPECT_EQ(parse_list_query(parameters, kNow).value(), expected);
}

TEST(ParseListQuery, TakesSeveralValuesByThePlural) {
  for (const TextFilter& filter : kTextFilters) {
    if (filter.values == &ListQuery::event_outcome) continue;
    const Parameters parameters{{std::string(filter.plural), "a,b c,a,,"}, {std::string(filter.name), "d,e"}};
    const auto query = parse_list_query(parameters, kNow).value();
    EXPECT_EQ(query.*filter.values, (OneOf{"a", "b c", "d,e"})) << filter.plural;
    EXPECT_TRUE(query.filters());
    EXPECT_FALSE(parse_list_query(Parameters{{std::string(filter.plural), ","}}, kNow)->filters());
  }
  EXPECT_EQ(parse_list_query(Parameters{{"event_outcomes", "failure,pending"}}, kNow)->event_outcome,
            (OneOf{"failure", "pending"}));
  EXPECT_EQ(refusal({{"event_outcomes", "failure,ok"}}, "event_outcomes"),
            "got \"ok\"; allowed: success, failure, pending");
  EXPECT_THAT(refusal({{"actor_ids", "a,\xFF"}}, "actor_ids"), HasSubstr("UTF-8"));
}

TEST(ParseListQuery, TakesFiftyValuesAtMost) {
  std::string values = "0";
  for (int i = 1; i < 50; ++i) values += "," + std::to_string(i);
  EXPECT_EQ(parse_list_query(Parameters{{"severities", values}}, kNow)->severity.values.size(), 50U);
  values += ",50";
  EXPECT_EQ(refusal({{"severities", values}}, "severities"),
            "got more than 50 values; allowed: 1 to 50, separated by commas");
}

TEST(ParseListQuery, TakesAnOrder) {
  const auto order = [](const char* value) { return parse_list_query(Parameters{{"order", value}}, kNow); };
  EXPECT_TRUE(order("asc")->oldest_first);
  EXPECT_FALSE(order("desc")->oldest_first);
  EXPECT_FALSE(order("")->oldest_first);
  EXPECT_EQ(refusal({{"order", "ASC"}}, "order"), "got \"ASC\"; allowed: asc, desc");
}

TEST(ParseListQuery, TakesHowFarIsCounted) {
  const auto count = [](const char* value) { return parse_list_query(Parameters{{"count", value}}, kNow); };
  EXPECT_EQ(count("exact")->count, Count::kExact);
  EXPECT_EQ(count("none")->count, Count::kNone);
  EXPECT_EQ(count("")->count, Count::kUsual);
  EXPECT_EQ(refusal({{"count", "all"}}, "count"), "got \"all\"; allowed: exact, none");
  const std::string cursor =
      format_cursor({.event_timestamp = kNow, .event_id = "0190a6e2-9b7c-7def-8123-456789abcdef"});
  EXPECT_EQ(refusal({{"count", "exact"}, {"cursor", cursor}}, "count"),
            "got \"exact\"; allowed: none with a cursor");
  EXPECT_TRUE(parse_list_query(Parameters{{"count", "none"}, {"cursor", cursor}}, kNow));
}

TEST(ParseListQuery, OfARepeatedParameterTheFirstCounts) {
  const Parameters parameters{
      {"limit", "5"}, {"limit", "bad"}, {"event_type", "first"}, {"event_type", "second"}};
  const auto query = parse_list_query(parameters, kNow).value();
  EXPECT_EQ(query.limit, 5);
  EXPECT_EQ(query.event_type, "first");
}

TEST(ParseListQuery, AnEmptyFilterIsNone) {
  const Parameters parameters{{"event_type", ""}, {"since", ""}, {"limit", ""}, {"offset", ""}};
  EXPECT_EQ(parse_list_query(parameters, kNow).value(), ListQuery{});
}

TEST(ParseListQuery, ReadsDurationsBackFromNow) {
  const auto since = [](const std::string& text) {
    return runtime::format_timestamp(*parse_list_query(Parameters{{"since", text}}, kNow).value().since);
  };
  EXPECT_EQ(since("24h"), "2026-02-27T12:00:00Z");
  EXPECT_EQ(since("1h30m"), "2026-02-28T10:30:00Z");
  EXPECT_EQ(since("7d"), "2026-02-21T12:00:00Z");
  EXPECT_EQ(since("0d"), "2026-02-28T12:00:00Z");
  EXPECT_EQ(since("-1h"), "2026-02-28T11:00:00Z");
  EXPECT_EQ(since("2026-02-28T12:00:00 02:00"), "2026-02-28T10:00:00Z");  // an unescaped '+'
}

TEST(ParseListQuery, ReadsADateAndATimeWithoutZoneInUtc) {
  for (const auto& [name, member] : {std::pair{"since", &ListQuery::since},
                                     {"until", &ListQuery::until},
                                     {"received_since", &ListQuery::received_since},
                                     {"received_until", &ListQuery::received_until}}) {
    const auto bound = [&, name = name, member = member](const std::string& text) {
      const auto query = parse_list_query(Parameters{{name, text}}, kNow).value();
      return runtime::format_timestamp(*(query.*member));
    };
    EXPECT_EQ(bound("2026-02-01"), "2026-02-01T00:00:00Z");
    EXPECT_EQ(bound("2026-02-01T10:20:30.5"), "2026-02-01T10:20:30.5Z");
  }
}

TEST(ParseListQuery, RefusesBadBounds) {
  for (const char* bad : {"yesterday", "--1h", "7 days", "1.5d", "d", "-", "99999d", "99999999999999999999d",
                          "2026-02-30", "2026-02-28T12:00", "2026-02-30T00:00:00Z"}) {
    EXPECT_THAT(refusal({{"since", bad}}, "since"), HasSubstr("got \"" + std::string(bad) + "\"; allowed: "))
        << bad;
    for (const char* name : {"until", "received_since", "received_until"}) {
      EXPECT_THAT(refusal({{name, bad}}, name), HasSubstr("allowed: an RFC 3339 time, a date, or a duration"))
          << bad;
    }
  }
}

TEST(ParseListQuery, RefusesBadPaging) {
  for (const char* bad : {"0", "1001", "-1", "ten", "5.0", " 5", "+5", "99999999999999999999"}) {
    EXPECT_THAT(refusal({{"limit", bad}}, "limit"), HasSubstr("allowed: an integer from 1 to 1000")) << bad;
  }
  for (const char* bad : {"-1", "x", "9223372036854775808"}) {
    EXPECT_THAT(refusal({{"offset", bad}}, "offset"), HasSubstr("allowed: an integer of at least 0")) << bad;
  }
}

TEST(ParseListQuery, TakesACursorInsteadOfAnOffset) {
  const Cursor cursor{.event_timestamp = kNow, .event_id = "0190a6e2-9b7c-7def-8123-456789abcdef"};
  const std::string text = format_cursor(cursor);
  EXPECT_EQ(parse_list_query(Parameters{{"cursor", text}, {"limit", "7"}}, kNow).value(),
            (ListQuery{.limit = 7, .cursor = cursor}));
  EXPECT_EQ(parse_list_query(Parameters{{"cursor", ""}, {"offset", "3"}}, kNow).value(),
            ListQuery{.offset = 3});
  for (const char* offset : {"0", "3", "x"}) {
    EXPECT_THAT(refusal({{"cursor", text}, {"offset", offset}}, "offset"), HasSubstr("not both")) << offset;
  }
  for (const std::string& bad : {std::string("x"), text + "=", text.substr(1), std::string(32, '!'),
                                 "f" + std::string(31, '_'), std::string(100'000, 'A')}) {
    EXPECT_THAT(refusal({{"cursor", bad}}, "cursor"), HasSubstr("the pagination.next of the page before"))
        << bad.substr(0, 40);
  }
}

TEST(ParseListQuery, RefusesHalfADetailPair) {
  EXPECT_THAT(refusal({{"detail_key", "k"}}, "detail_value"), HasSubstr("together with detail_key"));
  EXPECT_THAT(refusal({{"detail_value", "v"}}, "detail_key"), HasSubstr("together with detail_value"));
  EXPECT_THAT(refusal({{"detail_key", ""}, {"detail_value", "v"}}, "detail_key"), HasSubstr("is required"));
}

TEST(ParseListQuery, RefusesTextsThatCannotBeStored) {
  const std::string nul("a\0b", 3);
  EXPECT_THAT(refusal({{"event_type", nul}}, "event_type"), HasSubstr("U+0000"));
  EXPECT_THAT(refusal({{"correlation_id", "\xFF"}}, "correlation_id"), HasSubstr("UTF-8"));
  EXPECT_THAT(refusal({{"detail_key", "k"}, {"detail_value", nul}}, "detail_value"), HasSubstr("U+0000"));
}

TEST(ParseListQuery, RefusesOutcomesAndKeysThatNoEventIsFoundBy) {
  for (const char* bad : {"ok", "", "Success"}) {
    EXPECT_THAT(refusal({{"event_outcome", bad}}, "event_outcome"), HasSubstr("success, failure, pending"));
  }
  for (const std::string& bad :
       {std::string("a b"), std::string("a'"), std::string("\xC3\xA4"), std::string(65, 'a')}) {
    EXPECT_THAT(refusal({{"detail_key", bad}, {"detail_value", "v"}}, "detail_key"), HasSubstr("1 to 64 of"));
  }
  const std::string longest = "Az09_.-" + std::string(57, 'a');
  EXPECT_TRUE(parse_list_query(Parameters{{"detail_key", longest}, {"detail_value", "v"}}, kNow));
}

TEST(ParseListQuery, ReportsEverythingAtOnce) {
  EXPECT_EQ(
      parse_list_query(Parameters{{"limit", "0"}, {"offset", "x"}, {"since", "x"}}, kNow).error().size(), 3U);
}

}  // namespace
}  // namespace storagepool::reading
