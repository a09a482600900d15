// What the running program exports, and that anybody can verify it who knows the log's key.
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/encoding/encoding.h"
#include "pool/common/encoding/sha256.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/timestamp.h"
#include "pool/common/tlog/note.h"
#include "pool/common/tlog/note_key.h"
#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;
using testing::kEvents;
using testing::valid_event;

constexpr const char* kToken = "auditor-0123456789abcdef0123456789abcdef";

class ExportTest : public testing::LoneProgramTest {
 protected:
  void start_with_token(const std::string& scopes = "read,write,sensitive") {
    pod_.write("auth/tokens", std::string(kToken) + " auditor:" + scopes + "\n");
    pod_.token = kToken;
    start({"--auth-mode=Token"});
  }
  std::string create(const std::string& correlation, const json& more = json::object()) const {
    json event = valid_event();
    event["correlation_id"] = correlation;
    event.update(more);
    const auto created = pod_.create(event);
    EXPECT_EQ(created.status, 201U) << created.body;
    return json::parse(created.body).at("event_id");
  }
  testing::HttpResponse get(const std::string& query, const testing::HttpHeaders& headers = {}) const {
    testing::HttpHeaders all = headers;
    if (!pod_.token.empty()) all.emplace_back("Authorization", "Bearer " + pod_.token);
    return pod_.send(8080, "GET", "/api/v1/audit/export" + query, all, "");
  }
  // Once the log has begun.
  std::string exported(const std::string& query, const testing::HttpHeaders& headers = {}) const {
    testing::HttpResponse answer;
    EXPECT_TRUE(eventually([&] {
      answer = get(query, headers);
      return answer.status == 200;
    })) << answer.body;
    return answer.body;
  }
  static std::vector<std::string> ids_of(const json& answer) {
    std::vector<std::string> ids;
    for (const json& event : answer.at("events")) ids.push_back(event.at("event_id"));
    return ids;
  }
};

TEST_F(ExportTest, IsOfWhatWasAskedForTheOldestFirst) {
  start_with_token();
  std::vector<std::string> ids;
  for (const char* time : {"3", "1", "2"}) {
    json more = {{"event_timestamp", runtime::format_timestamp(runtime::wall_now() - std::chrono::hours{5} +
                                                               std::chrono::minutes{time[0] - '0'})}};
    ids.push_back(create("c-1", more));
  }
  create("other");
  const json all = json::parse(exported("?correlation_id=c-1"));
  EXPECT_THAT(ids_of(all), ::testing::ElementsAre(ids[1], ids[2], ids[0]));
  EXPECT_THAT(ids_of(json::parse(exported("?correlation_id=c-1&limit=1&offset=1"))),
              ::testing::ElementsAre(ids[2]));
  EXPECT_THAT(ids_of(json::parse(exported("?correlation_id=c-1&end_time=1h"))).size(), 3U);
  EXPECT_THAT(ids_of(json::parse(exported("?correlation_id=c-1&start_time=1h"))).size(), 0U);
  EXPECT_EQ(all.at("export_metadata").at("query_filters"),
            (json{{"correlation_id", "c-1"}, {"offset", 0}, {"limit", 1000}}));
  EXPECT_EQ(all.at("export_metadata").at("exported_by"), "auditor");
  const json& events = all.at("events");
  EXPECT_EQ(events[0].at("previous_event_hash"), "");
  EXPECT_EQ(events[1].at("previous_event_hash"), events[0].at("event_hash"));
  EXPECT_EQ(events[2].at("hash_chain_valid"), true);
  EXPECT_EQ(events[2].at("actor_id"),
            json::parse(pod_.api("GET", kEvents + "/" + ids[0]).body).at("actor_id"));
  EXPECT_EQ(all.at("hash_chain_verification").at("chain_integrity_percentage"), 100.0);
  EXPECT_EQ(all.at("hash_chain_verification").at("tampered_event_ids"), json::array());
}

TEST_F(ExportTest, HasTheFiltersOfLists) {
  start_with_token("read,write");
  const std::string wanted = create("c-1", {{"actor_id", "x"}, {"event_data", {{"k", "v"}}}});
  const std::string sensitive =
      create("c-2", {{"actor_id", "y"}, {"event_data", {{"k", "v"}}}, {"is_sensitive", true}});
  create("c-3", {{"actor_id", "z"}, {"event_data", {{"k", "w"}}}});
  const auto found = [&](const std::string& query) { return ids_of(json::parse(exported(query))); };
  EXPECT_THAT(found("?actor_ids=x,y"), ::testing::UnorderedElementsAre(wanted, sensitive));
  EXPECT_THAT(found("?principal=auditor&correlation_ids=c-1,none&received_since=1h"),
              ::testing::ElementsAre(wanted));
  EXPECT_THAT(found("?detail_key=k&detail_value=v"), ::testing::ElementsAre(wanted));
  const json answer = json::parse(exported("?actor_ids=x,y&detail_key=k&detail_value=&severity="));
  EXPECT_EQ(
      answer.at("export_metadata").at("query_filters"),
      (json{
          {"actor_ids", "x,y"}, {"detail_key", "k"}, {"detail_value", ""}, {"offset", 0}, {"limit", 1000}}));
}

TEST_F(ExportTest, IsSignedByTheLogsKey) {
  start_with_token();
  create("c-1", {{"event_data", {{"n", 1}}}});
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_size") >= 1; }));
  const std::string body = exported("?correlation_id=c-1&include_detached_signature=true");
  const json answer = json::parse(body);
  const auto note = tlog::Note::read(answer.at("detached_signature").get<std::string>());
  ASSERT_TRUE(note);
  const json status = json::parse(pod_.api("GET", "/api/v1/audit/log/status").body);
  const std::string vkey = status.at("vkeys").at(0);
  EXPECT_TRUE(tlog::NoteKey::read(vkey)->verify(*note));
  const std::size_t begin = body.find("\"events\":") + 9;
  const std::string events = body.substr(begin, body.find(",\"hash_chain_verification\"") - begin);
  const encoding::Sha256 digest = encoding::sha256(events);
  const json& metadata = answer.at("export_metadata");
  EXPECT_EQ(note->text,
            "storagepool.dev/export/v1\nstoragepool.dev/test/audit\n" +
                metadata.at("export_timestamp").get<std::string>() + "\n1\n" +
                encoding::encode_base64({reinterpret_cast<const char*>(digest.data()), digest.size()}) +
                "\n{\"correlation_id\":\"c-1\",\"offset\":0,\"limit\":1000}\n");
  EXPECT_EQ(metadata.at("signature"), encoding::encode_base64(note->signatures.at(0).bytes));
  EXPECT_EQ(metadata.at("certificate_fingerprint"), encoding::sha256_hex(vkey));
  EXPECT_FALSE(json::parse(exported("?correlation_id=c-1")).contains("detached_signature"));
}

TEST_F(ExportTest, TellsWhatWasChanged) {
  start_with_token();
  const std::string first = create("c-1");
  create("c-1");
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_size") >= 2; }));
  server_.superuser("UPDATE audit_events SET actor_id = 'nobody' WHERE event_id = '" + first + "'", "audit");
  const json answer = json::parse(exported("?correlation_id=c-1"));
  const json& found = answer.at("hash_chain_verification");
  EXPECT_EQ(found.at("total_events_verified"), 2);
  EXPECT_EQ(found.at("broken_chain_events"), 1);
  EXPECT_EQ(found.at("tampered_event_ids"), json::array({first}));
  EXPECT_EQ(found.at("chain_integrity_percentage"), 50.0);
  EXPECT_EQ(answer.at("events")[0].at("hash_chain_valid"), false);
}

TEST_F(ExportTest, IsAnEventItself) {
  start_with_token();
  create("c-1");
  exported("?correlation_id=c-1&limit=7");
  json page;
  ASSERT_TRUE(eventually([&] {
    page = json::parse(pod_.api("GET", kEvents + "?event_type=storagepool.export.created").body);
    return !page.at("data").empty();
  }));
  const json& event = page.at("data")[0];
  EXPECT_EQ(event.at("actor_id"), "auditor");
  EXPECT_EQ(event.at("principal"), "auditor");
  EXPECT_EQ(event.at("event_data"),
            json::parse(R"({"filters":{"correlation_id":"c-1","offset":0,"limit":7},"total_events":1})"));
}

TEST_F(ExportTest, SensitiveEventsAreRedactedAndVerifiedAllTheSame) {
  start_with_token("read,write");
  create("c-1", {{"is_sensitive", true}, {"event_data", {{"secret", "swordfish"}}}});
  const std::string body = exported("?correlation_id=c-1");
  EXPECT_EQ(body.find("swordfish"), std::string::npos);
  EXPECT_EQ(json::parse(body).at("hash_chain_verification").at("valid_chain_events"), 1);
}

TEST_F(ExportTest, PersonalDataIsMaskedForWhoAsksAndVerifiedAllTheSame) {
  start_with_token();
  create("c-1", {{"actor_ip", "192.0.2.7"},
                 {"event_data", {{"user", {{"email", "eve@example.org"}, {"n", 1}}}, {"note", "kept"}}}});
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_size") >= 1; }));
  const json whole = json::parse(exported("?correlation_id=c-1")).at("events").at(0);
  const std::string body = exported("?correlation_id=c-1&redact_pii=true");
  EXPECT_EQ(body.find("eve@example.org"), std::string::npos);
  EXPECT_EQ(body.find("192.0.2.7"), std::string::npos);
  const json answer = json::parse(body);
  const json& event = answer.at("events").at(0);
  EXPECT_EQ(event.at("event_data"), json::parse(R"({"user":{"email":"***","n":1},"note":"kept"})"));
  EXPECT_EQ(event.at("actor_ip"), "***");
  for (const char* digest : {"event_hash", "hash_chain_valid", "seq", "event_id"})
    EXPECT_EQ(event.at(digest), whole.at(digest)) << digest;
  EXPECT_EQ(answer.at("hash_chain_verification").at("valid_chain_events"), 1);
  EXPECT_EQ(answer.at("export_metadata").at("query_filters").at("redact_pii"), true) << "which is signed";
  EXPECT_EQ(whole.at("event_data").at("user").at("email"), "eve@example.org");
}

TEST_F(ExportTest, GoesOverManyPages) {
  start_with_token();
  json batch = json::array();
  for (int i = 0; i < 400; ++i) batch.push_back(valid_event());
  for (int call = 0; call < 3; ++call) {
    for (json& event : batch) event = valid_event();
    ASSERT_EQ(pod_.api("POST", kEvents + "/batch", batch.dump()).status, 201U);
  }
  const json answer = json::parse(exported("?limit=1100&offset=50"));
  EXPECT_EQ(answer.at("export_metadata").at("total_events"), 1100);
  const std::vector<std::string> ids = ids_of(answer);
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 1100U);
  EXPECT_EQ(answer.at("hash_chain_verification").at("valid_chain_events"), 1100);
}

TEST_F(ExportTest, WhoAsksIsKnown) {
  start();
  create("c-1");
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_size") >= 1; }));
  EXPECT_EQ(get("").status, 401U);
  EXPECT_EQ(
      json::parse(exported("", {{"X-Auth-Request-User", "eve"}})).at("export_metadata").at("exported_by"),
      "eve");
}

TEST_F(ExportTest, TheHeaderOfAProxyCountsOnlyWhereNobodyIsToldApart) {
  start_with_token();
  create("c-1");
  const json answer = json::parse(exported("", {{"X-Auth-Request-User", "eve"}}));
  EXPECT_EQ(answer.at("export_metadata").at("exported_by"), "auditor");
}

TEST_F(ExportTest, WhoIsToVerifyOrToExportMayDoJustThat) {
  const auto token_of = [](const std::string& name) { return name + "-0123456789abcdef0123456789abcdef"; };
  std::string lines;
  for (const std::string name : {"verify", "export", "read", "write"})
    lines += token_of(name) + " " + name + ":" + name + "\n";
  pod_.write("auth/tokens", lines);
  start({"--auth-mode=Token"});
  pod_.token = token_of("write");
  const std::string id = create("c-1");
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_size") >= 1; }));
  const std::string log = "/api/v1/audit/log/";
  const std::string proof = kEvents + "/" + id + "/proof";
  const auto status = [&](const std::string& name, const std::string& method, const std::string& path) {
    pod_.token = token_of(name);
    return pod_.api(method, path, method == "POST" ? R"({"correlation_id":"c-1"})" : "").status;
  };
  for (const auto& [method, path] : {std::pair{"GET", log + "checkpoint"},
                                     {"GET", log + "status"},
                                     {"GET", log + "tile/0/000.p/1"},
                                     {"POST", std::string("/api/v1/audit/verify-chain")},
                                     {"GET", proof}}) {
    EXPECT_EQ(status("verify", method, path), 200U) << path;
    EXPECT_EQ(status("read", method, path), 200U) << path;
    EXPECT_EQ(status("export", method, path), 403U) << path;
    EXPECT_EQ(status("write", method, path), 403U) << path;
  }
  for (const std::string path : {"/api/v1/audit/export", "/api/v1/audit/feed?from=earliest"}) {
    EXPECT_EQ(status("export", "GET", path), 200U) << path;
    EXPECT_EQ(status("read", "GET", path), 200U) << path;
    EXPECT_EQ(status("verify", "GET", path), 403U) << path;
    EXPECT_EQ(status("write", "GET", path), 403U) << path;
  }
  for (const std::string& path : {kEvents, kEvents + "/" + id}) {
    EXPECT_EQ(status("verify", "GET", path), 403U) << path;
    EXPECT_EQ(status("export", "GET", path), 403U) << path;
  }
  const auto extra_of = [&](const std::string& name) {
    pod_.token = token_of(name);
    const std::string text = pod_.api("GET", proof).body;
    const std::size_t begin = text.find("extra ") + 6;
    return encoding::decode_base64(text.substr(begin, text.find('\n', begin) - begin)).value().size();
  };
  constexpr std::size_t kEntryBytes = 67;
  EXPECT_EQ(extra_of("verify"), kEntryBytes) << "and nothing that the event says";
  EXPECT_GT(extra_of("read"), kEntryBytes);
}

TEST_F(ExportTest, RefusesWhatItDoesNotTake) {
  start_with_token();
  create("c-1");
  const auto refused = [&](const std::string& query, const char* field) {
    const auto answer = get(query);
    EXPECT_EQ(answer.status, 400U) << query;
    EXPECT_TRUE(json::parse(answer.body).at("field_errors").contains(field)) << answer.body;
  };
  refused("?start_time=yesterday", "start_time");
  refused("?end_time=x", "end_time");
  refused("?offset=-1", "offset");
  refused("?limit=0", "limit");
  refused("?limit=x", "limit");
  refused("?format=csv", "format");
  refused("?redact_pii=yes", "redact_pii");
  refused("?include_detached_signature=1", "include_detached_signature");
  EXPECT_EQ(get("?limit=10001").status, 413U);
}

}  // namespace
}  // namespace storagepool::service
