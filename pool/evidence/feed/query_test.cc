#include "pool/evidence/feed/query.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace storagepool::evidence {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

const runtime::Timestamp kAsked = *runtime::parse_timestamp("2026-02-28T12:00:00Z");

TEST(FeedQuery, BeginsWhereItIsTold) {
  EXPECT_EQ(parse_feed_query(Parameters{{"from", "earliest"}}, kAsked)->from, FeedCursor{});
  EXPECT_EQ(parse_feed_query(Parameters{{"from", "latest"}}, kAsked)->from, std::nullopt);
  EXPECT_EQ(parse_feed_query(Parameters{{"from", "1.1.7.0badcafe"}}, kAsked)->from,
            (FeedCursor{.seq = 7, .before = "0badcafe"}));
}

TEST(FeedQuery, HasTheFiltersAndTheLimitOfLists) {
  const auto query = parse_feed_query(Parameters{{"from", "latest"},
                                                 {"wait", "55s"},
                                                 {"limit", "17"},
                                                 {"event_type", "t"},
                                                 {"since", "1h"},
                                                 {"offset", "x"},
                                                 {"order", "x"},
                                                 {"count", "x"},
                                                 {"cursor", "x"}},
                                      kAsked);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->matching,
            (reading::ListQuery{.event_type = "t", .since = kAsked - std::chrono::hours{1}, .limit = 17}));
  EXPECT_EQ(query->wait, std::chrono::seconds{55});
  EXPECT_EQ(parse_feed_query(Parameters{{"from", "latest"}}, kAsked)->wait.count(), 0);
}

TEST(FeedQuery, HasAForm) {
  const auto format = [](const char* name) {
    return parse_feed_query(Parameters{{"from", "latest"}, {"format", name}}, kAsked)->format;
  };
  EXPECT_EQ(parse_feed_query(Parameters{{"from", "latest"}}, kAsked)->format, FeedFormat::kItem);
  EXPECT_EQ(format(""), FeedFormat::kItem);
  EXPECT_EQ(format("item"), FeedFormat::kItem);
  EXPECT_EQ(format("cloudevents"), FeedFormat::kCloudEvents);
  EXPECT_EQ(format("ocsf"), FeedFormat::kOcsf);
}

TEST(FeedQuery, NamesWhatIsWrong) {
  const auto refusal = [](Parameters parameters) {
    const auto query = parse_feed_query(parameters, kAsked);
    std::string text;
    if (query) return std::string("accepted");
    for (const auto& [field, message] : query.error()) text += field + ": " + message + "\n";
    return text;
  };
  EXPECT_EQ(refusal({}), "from: is required; allowed: earliest, latest, or the next of the answer before\n");
  EXPECT_EQ(refusal({{"from", "1.1.7"}}),
            "from: got \"1.1.7\"; allowed: earliest, latest, or the next of the answer before, unchanged\n");
  EXPECT_EQ(refusal({{"from", ""}}),
            "from: got \"\"; allowed: earliest, latest, or the next of the answer before, unchanged\n");
  for (const std::string wait : {"56s", "-1s", "55", "", "1m"})
    EXPECT_EQ(refusal({{"from", "latest"}, {"wait", wait}}),
              "wait: got \"" + wait + "\"; allowed: a duration from 0s to 55s\n");
  EXPECT_EQ(refusal({{"from", "latest"}, {"format", "OCSF"}}),
            "format: got \"OCSF\"; allowed: item, cloudevents, ocsf\n");
  EXPECT_EQ(refusal({{"from", "latest"}, {"wait", "x"}, {"limit", "1001"}}),
            "wait: got \"x\"; allowed: a duration from 0s to 55s\n"
            "limit: got \"1001\"; allowed: an integer from 1 to 1000\n");
}

}  // namespace
}  // namespace storagepool::evidence
