#include "pool/service/routes/journal.h"

#include <set>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "pool/journal/testing/journal_fixture.h"

namespace storagepool::service {
namespace {

using journal::testing::numbered_unit;
using nlohmann::json;
using postgres::testing::run;
using ::testing::HasSubstr;

class JournalRoutesTest : public journal::testing::JournalTest {
 protected:
  JournalRoutesTest() {
    open();
    add_journal_routes(router_, [this] { return present_ ? journal_.get() : nullptr; });
  }
  ~JournalRoutesTest() override { journal_.reset(); }

  http::Response ask(const std::string& method, std::vector<std::pair<std::string, std::string>> query = {},
                     const std::string& body = {}, const std::string& accept = {}) {
    http::Request request;
    request.method = method;
    request.path = "/admin/journal";
    request.query = std::move(query);
    request.body = body;
    if (!accept.empty()) request.headers = {{"Accept", accept}};
    return run(context_, router_.handle(request));
  }
  json get(std::vector<std::pair<std::string, std::string>> query = {}) {
    const auto response = ask("GET", std::move(query));
    EXPECT_EQ(response.status, 200U) << response.body;
    return json::parse(response.body);
  }
  http::Response post(const json& body) { return ask("POST", {}, body.dump()); }
  // Two units of "ws" and one of the system database are set aside, one waits.
  void fill() {
    for (int i = 0; i < 4; ++i) {
      auto unit = numbered_unit(1, i, 2);
      for (event::Event& event : unit) event.event_data = "{}";
      must_append(unit, i < 2 ? "ws" : "", i < 2 ? "incarnation" : "");
    }
    std::vector<std::int64_t> refused;
    for (const journal::Unit& unit : next()) refused.push_back(unit.sequence);
    refused.pop_back();
    set_aside(refused, "PostgreSQL refuses \"it\"");
  }
  static std::vector<json> lines(const std::string& body) {
    std::vector<json> all;
    std::istringstream text(body);
    for (std::string line; std::getline(text, line);) all.push_back(json::parse(line));
    return all;
  }

  http::Router router_;
  bool present_ = true;
};

TEST_F(JournalRoutesTest, ShowsWhatWaitsAndWhatIsSetAside) {
  fill();
  const json now = get();
  EXPECT_EQ(now.at("durable"), true);
  EXPECT_FALSE(now.contains("reason"));
  EXPECT_EQ(now.at("waiting").at("units"), 1);
  EXPECT_TRUE(now.at("waiting").contains("oldest"));
  EXPECT_EQ(now.at("setAside").at("events"), 6);
  ASSERT_EQ(now.at("workspaces").size(), 1U);
  EXPECT_EQ(now.at("workspaces")[0].at("workspace"), "");
  EXPECT_EQ(now.at("workspaces")[0].at("events"), 2);
  ASSERT_EQ(now.at("units").size(), 3U);
  const json& first = now.at("units")[0];
  EXPECT_EQ(first.at("sequence"), 1);
  EXPECT_EQ(first.at("workspace"), "ws");
  EXPECT_EQ(first.at("incarnation"), "incarnation");
  EXPECT_EQ(first.at("reason"), "PostgreSQL refuses \"it\"");
  EXPECT_EQ(first.at("readable"), true);
  EXPECT_EQ(first.at("eventIds")[0], id(1, 0));
  EXPECT_LE(first.at("appendedAt"), first.at("setAsideAt"));
  EXPECT_EQ(now.at("next"), 3);
}

TEST_F(JournalRoutesTest, ShowsPageAfterPage) {
  fill();
  std::set<int> seen;
  std::string after = "0";
  for (json page = get({{"limit", "2"}}); !page.at("units").empty();
       page = get({{"limit", "2"}, {"after", after}})) {
    EXPECT_LE(page.at("units").size(), 2U);
    for (const json& unit : page.at("units")) seen.insert(unit.at("sequence").get<int>());
    after = page.at("next").dump();
  }
  EXPECT_EQ(seen, (std::set<int>{1, 2, 3}));
  EXPECT_EQ(get({{"part", "waiting"}}).at("units")[0].at("sequence"), 4);
}

TEST_F(JournalRoutesTest, ExportsTheEventsThemselves) {
  fill();
  for (const bool by_accept : {false, true}) {
    const auto response =
        by_accept ? ask("GET", {}, {}, "application/x-ndjson") : ask("GET", {{"format", "ndjson"}});
    EXPECT_EQ(response.content_type, "application/x-ndjson");
    const auto events = lines(response.body);
    ASSERT_EQ(events.size(), 6U);
    EXPECT_EQ(events[0].at("sequence"), 1);
    EXPECT_EQ(events[0].at("workspace"), "ws");
    EXPECT_EQ(events[0].at("reason"), "PostgreSQL refuses \"it\"");
    EXPECT_EQ(events[0].at("event").at("event_id"), id(1, 0));
    EXPECT_EQ(events[1].at("event").at("event_id"), numbered_unit(1, 0, 2)[1].event_id);
    EXPECT_EQ(events[5].at("sequence"), 3);
  }
  EXPECT_EQ(lines(ask("GET", {{"format", "ndjson"}, {"part", "waiting"}}).body).size(), 2U);
  EXPECT_EQ(lines(ask("GET", {{"format", "ndjson"}, {"after", "2"}}).body).size(), 2U);
  EXPECT_EQ(ask("GET", {{"format", "ndjson"}, {"after", "3"}}).body, "");
}

TEST_F(JournalRoutesTest, PutsBackWhatIsNamedOrAll) {
  fill();
  auto back = post({{"action", "put-back"}, {"sequences", {2, 4, 99}}});
  EXPECT_EQ(back.status, 200U) << back.body;
  EXPECT_EQ(json::parse(back.body).at("putBack").at("units"), 1);
  EXPECT_EQ(journal_->statistics().waiting.units, 2);
  back = post({{"action", "put-back"}, {"sequences", "all"}});
  EXPECT_EQ(json::parse(back.body).at("putBack").at("events"), 4);
  EXPECT_EQ(journal_->statistics().waiting.units, 4);
  EXPECT_EQ(journal_->statistics().aside.units, 0);
}

TEST_F(JournalRoutesTest, DropsOnlyWhatIsNamedAndConfirmed) {
  fill();
  for (const json& confirm : {json(), json(1), json("2"), json(99)}) {
    const auto refused = post({{"action", "drop"}, {"sequences", {1}}, {"confirm", confirm}});
    EXPECT_EQ(refused.status, 409U);
    EXPECT_THAT(json::parse(refused.body).at("detail").get<std::string>(),
                HasSubstr("this gives up 2 events of 1 units set aside, for good"));
  }
  EXPECT_EQ(journal_->statistics().aside.units, 3);
  const auto dropped = post({{"action", "drop"}, {"sequences", {1}}, {"confirm", 2}});
  EXPECT_EQ(dropped.status, 200U) << dropped.body;
  EXPECT_EQ(json::parse(dropped.body).at("dropped").at("units"), 1);
  EXPECT_EQ(journal_->statistics().aside.units, 2);
  EXPECT_EQ(journal_->statistics().waiting.units, 1);
}

TEST_F(JournalRoutesTest, SaysWhatIsWrongWithARequest) {
  const auto expect_wrong = [](const http::Response& response, const std::string& field) {
    EXPECT_EQ(response.status, 400U) << response.body;
    EXPECT_TRUE(json::parse(response.body).at("field_errors").contains(field)) << response.body;
  };
  expect_wrong(ask("GET", {{"part", "x"}}), "part");
  expect_wrong(ask("GET", {{"format", "xml"}}), "format");
  expect_wrong(ask("GET", {{"after", "-1"}}), "after");
  expect_wrong(ask("GET", {{"limit", "1001"}}), "limit");
  expect_wrong(ask("POST", {}, "["), "body");
  expect_wrong(post({{"action", "delete"}}), "action");
  expect_wrong(post({{"action", "put-back"}}), "sequences");
  expect_wrong(post({{"action", "put-back"}, {"sequences", {"1"}}}), "sequences");
  expect_wrong(post({{"action", "drop"}, {"sequences", "all"}, {"confirm", 6}}), "sequences");
  expect_wrong(post({{"action", "drop"}, {"sequences", json::array()}}), "sequences");
}

TEST_F(JournalRoutesTest, TellsOfAJournalThatIsNotThereOrFails) {
  ASSERT_TRUE(run(context_, journal_->close(postgres::testing::in(std::chrono::seconds{20}))));
  EXPECT_THAT(get().at("error").get<std::string>(), HasSubstr("closed"));
  EXPECT_EQ(ask("GET", {{"format", "ndjson"}}).status, 503U);
  EXPECT_EQ(post({{"action", "put-back"}, {"sequences", {1}}}).status, 503U);
  present_ = false;
  EXPECT_EQ(ask("GET").status, 404U);
  EXPECT_EQ(post({{"action", "put-back"}, {"sequences", {1}}}).status, 404U);
}

}  // namespace
}  // namespace storagepool::service
