#include "operator/cli/commands/log/events.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/cli/testing/recorded.h"
#include "pool/common/encoding/encoding.h"
#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace testing;

Json event(const std::string& id, const std::string& time) {
  return {{"event_id", id},       {"event_timestamp", time},    {"event_type", "t"},
          {"event_action", "a"},  {"event_outcome", "failure"}, {"actor_id", "x"},
          {"correlation_id", "c"}};
}

TEST(EventQueries, AreEncoded) {
  EXPECT_EQ(path_of({.workspace = "", .filters = {{"event_type", "a&b c"}}, .limit = 7}, {{"cursor", "x="}}),
            "/api/v1/audit/events?limit=7&event_type=a%26b%20c&cursor=x%3D");
  EXPECT_EQ(path_of({.workspace = "team-a", .filters = {}}),
            "/api/v1/workspaces/team-a/audit/events?limit=50");
}

class EventsCommand : public ::testing::Test {
 protected:
  EventsCommand() {
    recording_.answer("get storagepools.storagepool.dev audit -n team -o json",
                      storage_pool("audit", settled_status()).dump());
    recording_.answer("create token default -n team --audience=storagepool.dev/team/audit",
                      std::string("hunter2token\n"));
  }
  void says(const std::string& path, const Json& page, int status = 200) {
    recording_.pods["team service/audit:8080 GET " + path] = {status, page.dump()};
  }
  Said events(Words words) {
    words.insert(words.begin(), "events");
    words.insert(words.end(), {"audit", "-n", "team"});
    Said said = run_recorded(recording_, words);
    EXPECT_THAT(said.out + said.err, Not(HasSubstr("hunter2token")));
    return said;
  }

  Recording recording_;
};

TEST_F(EventsCommand, ShowsAPageWithATokenForThisStoragePoolAlone) {
  says("/api/v1/audit/events?limit=2&event_outcome=failure",
       {{"data", {event("a", "t1"), event("b", "t2")}}});
  const Said said = events({"query", "--limit", "2", "--outcome", "failure"});
  EXPECT_EQ(said.exit_code, kGood) << said.err;
  EXPECT_THAT(said.out, AllOf(HasSubstr("TIME"), HasSubstr("t1"), HasSubstr("t2")));
  EXPECT_EQ(recording_.sent.back().token, "hunter2token");
}

TEST_F(EventsCommand, FiltersByWhatTheFlagsSay) {
  says(
      "/api/v1/audit/events?limit=50&event_types=a%2Cb%20c&event_action=d%2Ce&actor_id=i&namespace=n"
      "&received_since=1h",
      {{"data", Json::array({event("a", "t1")})}});
  const Said said = events({"query", "--type", "a", "--type=b c", "--action", "d,e", "--actor-id", "i",
                            "--event-namespace", "n", "--received-since", "1h"});
  EXPECT_EQ(said.exit_code, kGood) << said.err;
  const Said refused = events({"query", "--severity", "a,b", "--severity", "c"});
  EXPECT_EQ(refused.exit_code, kError);
  EXPECT_THAT(refused.err, HasSubstr("--severity: got a,b as one of several; allowed: no comma"));
}

TEST_F(EventsCommand, ExportsEveryPageAsLines) {
  says("/api/v1/audit/events?limit=1000",
       {{"data", Json::array({event("a", "t1")})}, {"pagination", {{"next", "n="}}}});
  says("/api/v1/audit/events?limit=1000&cursor=n%3D",
       {{"data", Json::array({event("b", "t2")})}, {"pagination", Json::object()}});
  const Said said = events({"export"});
  EXPECT_EQ(said.exit_code, kGood) << said.err;
  EXPECT_EQ(said.out, event("a", "t1").dump() + "\n" + event("b", "t2").dump() + "\n");
}

TEST_F(EventsCommand, ExportsWhatTheServerWroteByteForByte) {
  const std::string item = R"({"event_id":"a","event_data":{"n":123456789012345678901234567890, "e":1.0e5}})";
  recording_.pods["team service/audit:8080 GET /api/v1/audit/events?limit=1000"] = {
      200, R"({"data":[)" + item + R"(],"pagination":{}})"};
  EXPECT_EQ(events({"export"}).out, item + "\n");
}

TEST_F(EventsCommand, ExportsProofs) {
  says("/api/v1/audit/events?limit=1000",
       {{"data", Json::array({event("a", "t1"), event("b", "t2")})}, {"pagination", Json::object()}});
  recording_.pods["team service/audit:8080 GET /api/v1/audit/events/a/proof"] = {200, "the\nproof"};
  says("/api/v1/audit/events/b/proof", {{"detail", "the event has no entry"}}, 409);
  const Said said = events({"export", "--proofs"});
  EXPECT_EQ(said.exit_code, kGood) << said.err;
  Json proven = event("a", "t1");
  proven["proof"] = "the\nproof";
  const std::string all = said.out;
  const std::size_t second = all.find('\n') + 1;
  EXPECT_EQ(Json::parse(all.substr(0, second)), proven);
  EXPECT_EQ(all.substr(second),
            event("b", "t2").dump() + "\n" + R"({"export":{"events":2,"proven":1}})" + "\n");
  EXPECT_THAT(said.err, HasSubstr("1 of 2 events have no proof, the first b: 409: the event has no entry"));
  says("/api/v1/audit/events/b/proof", {{"detail", "away"}}, 503);
  EXPECT_EQ(events({"export", "--proofs"}).exit_code, kError) << "it is not whole";
}

TEST_F(EventsCommand, FollowsTheFeedBehindTheLastOnes) {
  says("/api/v1/audit/feed?from=latest&limit=50&event_type=t", {{"data", Json::array()}, {"next", "c2"}});
  says("/api/v1/audit/events?limit=50&event_type=t", {{"data", {event("b", "t2"), event("a", "t1")}}});
  const std::string big = R"({"seq":3,"event_id":"c","event_data":{"n":123456789012345678901234567890}})";
  recording_.pods["team service/audit:8080 GET /api/v1/audit/feed?from=c2&limit=1000&wait=20s&event_type=t"] =
      {200, R"({"data":[)" + event("b", "t2").dump() + "," + big + R"(],"next":"c4","at_end":true})"};
  says("/api/v1/audit/feed?from=c4&limit=1000&wait=20s&event_type=t", {{"detail", "away"}}, 503);
  const Said said = events({"follow", "--type", "t", "-o", "json"});
  EXPECT_EQ(said.exit_code, kError);
  EXPECT_EQ(said.out, event("a", "t1").dump() + "\n" + event("b", "t2").dump() + "\n" +
                          R"({"bookmark":"c2"})" + "\n" + big + "\n" + R"({"bookmark":"c4"})" + "\n");
  EXPECT_THAT(said.err, HasSubstr("503: away; go on with --from c4"));
}

TEST_F(EventsCommand, FollowsOnFromACursor) {
  says("/api/v1/audit/feed?from=c2&limit=1000&wait=20s",
       {{"data", {event("a", "t1")}}, {"next", "c3"}, {"at_end", true}});
  says("/api/v1/audit/feed?from=c3&limit=1000&wait=20s", {{"detail", "of another log"}}, 409);
  const Said said = events({"follow", "--from", "c2"});
  EXPECT_THAT(said.out, AllOf(HasSubstr("TIME"), HasSubstr("t1")));
  EXPECT_THAT(said.err, HasSubstr("409: of another log; go on with --from c3"));
}

TEST_F(EventsCommand, FollowsTheFeedOfAWorkspace) {
  const std::string feed = "/api/v1/workspaces/w/audit/feed?from=";
  says(feed + "latest&limit=50", {{"data", Json::array()}, {"next", "c2"}});
  says("/api/v1/workspaces/w/audit/events?limit=50", {{"data", {event("a", "t1")}}});
  says(feed + "c2&limit=1000&wait=20s", {{"data", {event("a", "t1"), event("b", "t2")}}, {"next", "c3"}});
  says(feed + "c3&limit=1000&wait=20s", {{"detail", "there is no workspace w"}}, 404);
  const Said said = events({"follow", "--workspace", "w", "-o", "json"});
  EXPECT_EQ(said.out, event("a", "t1").dump() + "\n" + R"({"bookmark":"c2"})" + "\n" +
                          event("b", "t2").dump() + "\n" + R"({"bookmark":"c3"})" + "\n");
  EXPECT_THAT(said.err, HasSubstr("404: there is no workspace w; go on with --from c3"));
  says(feed + "c3&limit=1000&wait=20s", {{"detail", "there is no resource " + feed}}, 404);
  EXPECT_THAT(events({"follow", "--workspace", "w", "--from", "c3"}).err, HasSubstr("of an earlier release"));
}

TEST_F(EventsCommand, SaysWherePodsHaveNoFeed) {
  says("/api/v1/audit/feed?from=latest&limit=50", {{"detail", "there is no /api/v1/audit/feed"}}, 404);
  const Said said = events({"follow"});
  EXPECT_EQ(said.exit_code, kError);
  EXPECT_THAT(said.err, HasSubstr("its pods have no such feed of events: they are of an earlier release"));
}

TEST_F(EventsCommand, TellsTheLogsKeys) {
  says("/api/v1/audit/log/status", {{"vkeys", {"log+1+key"}}});
  EXPECT_EQ(events({"key"}).out, "log+1+key\n");
  says("/api/v1/workspaces/w/audit/log/status", {{"vkeys", {"log/ws/w/1+1+key"}}});
  EXPECT_EQ(events({"key", "--workspace", "w"}).out, "log/ws/w/1+1+key\n");
  says("/api/v1/audit/log/status", {{"vkeys", Json::array()}});
  EXPECT_EQ(events({"key"}).exit_code, kError);
}

TEST_F(EventsCommand, TheLogOfAWorkspaceIsRestarted) {
  const auto restart = [this](const Words& more, const Words& reason = {"--reason", "a restore"}) {
    Words words{"log", "restart", "audit", "-n", "team"};
    words.insert(words.end(), reason.begin(), reason.end());
    words.insert(words.end(), more.begin(), more.end());
    return run_recorded(recording_, words);
  };
  const std::string call = "team service/audit:8080 POST /api/v1/workspaces/w/audit/log/restart";
  const Words of_w{"--workspace", "w"};
  EXPECT_EQ(restart(of_w, {}).exit_code, kError) << "a reason is asked for";
  EXPECT_THAT(restart({"--token-file", "t"}).err, HasSubstr("--workspace")) << "it is of no use without";
  EXPECT_TRUE(recording_.sent.empty());
  recording_.pods[call] = {200, R"({"restarted":false,"origin":"log/ws/w/1","size":7})"};
  Said said = restart(of_w);
  EXPECT_EQ(said.exit_code, kBad);
  EXPECT_THAT(said.err, HasSubstr("the log of the workspace w of audit was not rolled back"));
  EXPECT_EQ(recording_.sent.back().token, "hunter2token");
  EXPECT_EQ(recording_.sent.back().body, R"({"reason":"a restore"})");
  recording_.pods[call] = {200, R"({"restarted":true,"origin":"log/ws/w/1/e2","size":7})"};
  said = restart(of_w);
  EXPECT_EQ(said.exit_code, kGood) << said.err;
  EXPECT_THAT(said.out, AllOf(HasSubstr("log/ws/w/1/e2, from the 7 entries"),
                              HasSubstr("events key audit --workspace w")));
  EXPECT_EQ(Json::parse(restart({"--workspace", "w", "-o", "json"}).out)["origin"], "log/ws/w/1/e2");
  recording_.pods[call] = {403, R"({"detail":"this token has not the scope admin"})"};
  said = restart(of_w);
  EXPECT_EQ(said.exit_code, kError);
  EXPECT_THAT(said.err, HasSubstr("is not restarted: 403: this token has not the scope admin"));
  recording_.pods[call] = {200, "{}"};
  EXPECT_EQ(restart(of_w).exit_code, kError);
}

TEST_F(EventsCommand, ARefusalIsToldInThePodsWords) {
  says("/api/v1/audit/events?limit=50", {{"detail", "this token may not read"}}, 403);
  const Said said = events({"query"});
  EXPECT_EQ(said.exit_code, kError);
  EXPECT_THAT(said.err, HasSubstr("403: this token may not read"));
}

TEST_F(EventsCommand, RefusesAPageWithoutEvents) {
  EXPECT_THAT(events({"query", "--limit", "0"}).err, HasSubstr("--limit"));
}

TEST_F(EventsCommand, TrustsByWhatTheSecretHasOfItsCertificate) {
  Json object = storage_pool("audit", settled_status());
  object["spec"]["tls"] = {{"secretRef", {{"name", "cert"}}}};
  recording_.answer("get storagepools.storagepool.dev audit -n team -o json", object.dump());
  says("/api/v1/audit/events?limit=50", {{"data", {event("a", "t1")}}});
  EXPECT_THAT(events({"query"}).err, HasSubstr("get secret cert -n team"));
  const std::string get = "get secret cert -n team -o=jsonpath={.data.";
  recording_.answer(get + "ca\\.crt}", std::string());
  recording_.answer(get + "tls\\.crt}", std::string());
  EXPECT_THAT(events({"query"}).err, HasSubstr("the Secret cert in team has neither ca.crt nor tls.crt"));
  recording_.answer(get + "tls\\.crt}", encoding::encode_base64("leaf"));
  EXPECT_EQ(events({"query"}).exit_code, kGood);
  ASSERT_TRUE(recording_.tls);
  EXPECT_EQ(recording_.tls->trusted, "leaf");
  EXPECT_EQ(recording_.tls->server_name, "audit.team.svc");
  recording_.answer(get + "ca\\.crt}", encoding::encode_base64("authority"));
  EXPECT_EQ(events({"query", "--server-name", "events.example"}).exit_code, kGood);
  EXPECT_EQ(recording_.tls->trusted, "authority");
  EXPECT_EQ(recording_.tls->server_name, "events.example");
  recording_.answer(get + "ca\\.crt}", tl::unexpected(Failure{FailureKind::kForbidden, "Forbidden"}));
  EXPECT_THAT(events({"query"}).err, HasSubstr("--ca-file"));
  const runtime::testing::TemporaryFolder folder;
  std::ofstream(folder / "ca.crt") << "from a file";
  EXPECT_EQ(events({"query", "--ca-file", folder / "ca.crt"}).exit_code, kGood);
  EXPECT_EQ(recording_.tls->trusted, "from a file");
  EXPECT_EQ(events({"query", "--ca-file", folder / "none"}).exit_code, kError);
}

}  // namespace
}  // namespace storagepool::cli
