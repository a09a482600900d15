// What a person does on port 8082 of the running program about events that PostgreSQL can never take as
// things are: sees them, exports them, puts them back once the reason is gone, or gives them up.
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;
using ::testing::HasSubstr;
using testing::HttpResponse;
using testing::kEvents;
using testing::valid_event;

class DataStorageJournalTest : public testing::LoneProgramTest {
 protected:
  static inline const std::string kJournal = "/admin/journal";

  static json refused_event() {
    json event = valid_event();
    event["event_action"] = "refused";
    event["event_data"] = {{"said", "\u00e4 \"line\"\nbreak"}};
    return event;
  }
  // A rule that somebody has given to the table: what breaks it is set aside.
  void rule(const std::string& change) { server_.superuser("ALTER TABLE audit_events " + change, "audit"); }
  // A batch of two and one event are set aside. Their ids, in this order.
  std::vector<std::string> set_aside() {
    start();
    rule("ADD CONSTRAINT nobody_is_refused CHECK (event_action <> 'refused')");
    server_.stop();
    EXPECT_TRUE(pod_.reports("unreachable")) << pod_.log();
    const json batch = {refused_event(), refused_event()};
    std::vector<std::string> ids =
        json::parse(pod_.api("POST", kEvents + "/batch", batch.dump()).body).at("event_ids");
    ids.push_back(json::parse(pod_.create(refused_event()).body).at("event_id"));
    server_.start();
    EXPECT_TRUE(eventually([&] { return pod_.metric("storagepool_journal_set_aside_units") == 2; }))
        << pod_.log();
    return ids;
  }
  json list(const std::string& query = {}) {
    const auto answer = pod_.admin("GET", kJournal + query);
    EXPECT_EQ(answer.status, 200U) << answer.body;
    return json::parse(answer.body);
  }
  std::vector<json> exported() {
    const auto answer = pod_.admin("GET", kJournal + "?format=ndjson");
    EXPECT_EQ(answer.status, 200U) << answer.body;
    EXPECT_EQ(answer.headers.at("content-type"), "application/x-ndjson");
    std::vector<json> lines;
    std::istringstream text(answer.body);
    for (std::string line; std::getline(text, line);) lines.push_back(json::parse(line));
    return lines;
  }
  HttpResponse change(const json& wish) { return pod_.admin("POST", kJournal, wish.dump()); }
  bool stored(const std::string& id) { return pod_.api("GET", kEvents + "/" + id).status == 200; }
};

TEST_F(DataStorageJournalTest, WhatIsSetAsideIsListedExportedPutBackAndGivenUp) {
  const auto ids = set_aside();
  ASSERT_EQ(ids.size(), 3U);
  const json now = list();
  EXPECT_EQ(now.at("waiting").at("units"), 0);
  EXPECT_EQ(now.at("setAside").at("events"), 3);
  ASSERT_EQ(now.at("units").size(), 2U);
  EXPECT_EQ(now.at("units")[0].at("eventIds"), json::array({ids[0], ids[1]}));
  EXPECT_THAT(now.at("units")[0].at("reason").get<std::string>(), HasSubstr("23514"));
  EXPECT_EQ(list("?limit=1&after=" + now.at("units")[0].at("sequence").dump()).at("units")[0].at("eventIds"),
            json::array({ids[2]}));

  const auto lines = exported();
  ASSERT_EQ(lines.size(), 3U);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i].at("event").at("event_id"), ids[i]);
    EXPECT_EQ(lines[i].at("event").at("event_data"), refused_event().at("event_data"));
    EXPECT_EQ(lines[i].at("sequence"), now.at("units")[i / 2].at("sequence"));
  }

  const json batch = {now.at("units")[0].at("sequence")};
  const json single = {now.at("units")[1].at("sequence")};
  // While the reason lasts it only comes back.
  EXPECT_EQ(change({{"action", "put-back"}, {"sequences", "all"}}).status, 200U);
  EXPECT_TRUE(eventually([&] { return list().at("setAside").at("events") == 3; })) << pod_.log();
  rule("DROP CONSTRAINT nobody_is_refused");
  const auto back = change({{"action", "put-back"}, {"sequences", batch}});
  EXPECT_EQ(back.status, 200U) << back.body;
  EXPECT_EQ(json::parse(back.body).at("putBack").at("events"), 2);
  EXPECT_TRUE(eventually([&] { return stored(ids[0]) && stored(ids[1]); })) << pod_.log();
  EXPECT_EQ(json::parse(pod_.api("GET", kEvents).body).at("pagination").at("total"), 2);

  const auto unconfirmed = change({{"action", "drop"}, {"sequences", single}});
  EXPECT_EQ(unconfirmed.status, 409U) << unconfirmed.body;
  EXPECT_THAT(unconfirmed.body, HasSubstr("this gives up 1 events of 1 units"));
  EXPECT_EQ(list().at("setAside").at("events"), 1);
  const auto dropped = change({{"action", "drop"}, {"sequences", single}, {"confirm", 1}});
  EXPECT_EQ(dropped.status, 200U) << dropped.body;
  EXPECT_EQ(json::parse(dropped.body).at("dropped").at("events"), 1);
  EXPECT_EQ(list().at("setAside").at("events"), 0);
  EXPECT_TRUE(exported().empty());
  EXPECT_EQ(pod_.metric("storagepool_journal_dropped_events_total"), 1);
  EXPECT_EQ(pod_.metric("storagepool_journal_put_back_events_total"), 5);
  EXPECT_EQ(pod_.stop(), 0) << pod_.log();
  start();
  EXPECT_FALSE(stored(ids[2]));
  EXPECT_EQ(list().at("setAside").at("units"), 0);
}

TEST_F(DataStorageJournalTest, NobodyWithoutASignatureAndNothingThatIsNotUnderstoodChangesIt) {
  set_aside();
  const std::string all = R"({"action":"put-back","sequences":"all"})";
  for (const testing::HttpHeaders& headers :
       {testing::HttpHeaders{}, testing::HttpHeaders{{"Authorization", "Bearer another-token-0123456789"}}}) {
    EXPECT_EQ(pod_.admin_with(headers, "GET", kJournal).status, 401U);
    EXPECT_EQ(pod_.admin_with(headers, "GET", kJournal + "?format=ndjson").status, 401U);
    EXPECT_EQ(pod_.admin_with(headers, "POST", kJournal, all).status, 401U);
  }
  for (const char* query : {"?part=x", "?format=xml", "?after=-1", "?limit=0", "?limit=1001"}) {
    EXPECT_EQ(pod_.admin("GET", kJournal + query).status, 400U) << query;
  }
  for (const char* body :
       {"", "[", "[]", "{}", R"({"action":"delete","sequences":[1]})", R"({"action":"put-back"})",
        R"({"action":"put-back","sequences":[]})", R"({"action":"put-back","sequences":["1"]})",
        R"({"action":"drop","sequences":"all","confirm":3})"}) {
    EXPECT_EQ(pod_.admin("POST", kJournal, body).status, 400U) << body;
  }
  EXPECT_EQ(pod_.admin("DELETE", kJournal).status, 405U);
  EXPECT_EQ(pod_.api("GET", kJournal).status, 404U) << "not on the port of the API";
  EXPECT_EQ(list().at("setAside").at("events"), 3);
}

}  // namespace
}  // namespace storagepool::service
