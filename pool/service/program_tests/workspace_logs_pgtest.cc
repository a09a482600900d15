// The log that each workspace has of its own, in the running program.
#include <csignal>
#include <future>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/tlog/checkpoint.h"
#include "pool/common/tlog/inclusion_proof.h"
#include "pool/common/tlog/note_key.h"
#include "pool/evidence/entry.h"
#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing::valid_event;

class WorkspaceLogsTest : public testing::LoneProgramTest {
 protected:
  const std::string base_ = "/api/v1/workspaces/team-a";
  const std::string log_ = base_ + "/audit/log";

  void begin() {
    server_.superuser("ALTER ROLE app CREATEDB");
    start();
    make();
  }
  void make() const { ASSERT_EQ(pod_.api("PUT", base_).status, 201U) << pod_.log(); }
  std::string create() const {
    json event = valid_event();
    event["correlation_id"] = "c-1";
    const auto created = pod_.api("POST", base_ + "/audit/events", event.dump());
    EXPECT_EQ(created.status, 201U) << created.body;
    return json::parse(created.body).value("event_id", "");
  }
  // Once it is 200.
  testing::HttpResponse get(const std::string& path) const {
    testing::HttpResponse answer;
    EXPECT_TRUE(eventually([&] { return (answer = pod_.api("GET", path)).status == 200; }))
        << answer.body << pod_.log();
    return answer;
  }
  testing::HttpResponse prove(const std::string& id) const {
    return get(base_ + "/audit/events/" + id + "/proof");
  }
  json verify() const {
    testing::HttpResponse answer;
    EXPECT_TRUE(eventually([&] {
      answer = pod_.api("POST", base_ + "/audit/verify-chain", R"({"correlation_id":"c-1"})");
      return answer.status == 200;
    })) << answer.body;
    return json::parse(answer.body);
  }
  std::string there(const std::string& text) const {
    return server_.superuser(text, "audit_ws_team_a").at(0);
  }
  std::string size() const { return there("SELECT coalesce(max(size), 0) FROM audit_log"); }
  std::string incarnation() const {
    return server_.superuser("SELECT incarnation FROM storagepool_workspaces WHERE name = 'team-a'", "audit")
        .at(0);
  }
  double alarms(const std::string& name) const {
    const std::string text = pod_.metrics();
    const std::string sample = "storagepool_log_alarms_total{alarm=\"" + name + "\"} ";
    const std::size_t at = text.find(sample);
    return at == std::string::npos ? -1 : std::stod(text.substr(at + sample.size()));
  }
};

TEST_F(WorkspaceLogsTest, AProofShowsThatTheLogHasTheEvent) {
  begin();
  create();
  const std::string id = create();
  const auto proof = tlog::InclusionProof::read(prove(id).body);
  ASSERT_TRUE(proof) << proof.error();
  const json status = json::parse(get(log_ + "/status").body);
  const std::string origin = "storagepool.dev/test/audit/ws/team-a/" + incarnation();
  EXPECT_EQ(status.at("origin"), origin);
  EXPECT_FALSE(status.contains("witnessed"));
  const auto key = tlog::NoteKey::read(status.at("vkeys").at(0).get<std::string>());
  ASSERT_TRUE(key);
  EXPECT_TRUE(key->verify(proof->checkpoint));
  const auto checkpoint = tlog::Checkpoint::read(proof->checkpoint.text);
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->origin, origin);
  EXPECT_EQ(checkpoint->size, 2U);
  tlog::Hasher hasher;
  EXPECT_TRUE(tlog::verify_inclusion(hasher, hasher.leaf(proof->extra.substr(0, evidence::kEntryBytes)),
                                     proof->index, checkpoint->size, proof->path, checkpoint->root));
  EXPECT_THAT(get(log_ + "/checkpoint").body, StartsWith(origin + "\n2\n"));
  EXPECT_EQ(get(log_ + "/tile/0/000.p/2").body.size(), 64U);
  EXPECT_EQ(pod_.api("GET", log_ + "/tile/0/000").status, 404U);
  EXPECT_EQ(server_.superuser("SELECT count(*) FROM audit_log", "audit").at(0), "0") << "another log";
}

TEST_F(WorkspaceLogsTest, ALogWithoutAnEntryIsSignedAsEmpty) {
  begin();
  const std::string origin = "storagepool.dev/test/audit/ws/team-a/" + incarnation();
  const auto checkpoint =
      tlog::Checkpoint::read(get(log_ + "/checkpoint").body.substr(0, origin.size() + 48));
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->origin, origin);
  EXPECT_EQ(checkpoint->size, 0U);
  EXPECT_EQ(checkpoint->root, tlog::Hasher().empty());
  EXPECT_EQ(json::parse(get(log_ + "/status").body).at("size"), 0);
  EXPECT_EQ(pod_.api("GET", log_ + "/tile/0/000.p/1").status, 404U);
  EXPECT_EQ(verify().at("is_valid"), true);
}

// Nobody has asked for it.
TEST_F(WorkspaceLogsTest, WhatIsStoredIsSealed) {
  begin();
  create();
  EXPECT_TRUE(eventually([&] { return size() == "1"; })) << pod_.log();
  EXPECT_TRUE(eventually([&] { return pod_.metric("storagepool_workspace_logs_waiting") == 0; }));
  EXPECT_EQ(pod_.metric("storagepool_log_sealed_batches_total"), 1);
  // On the connections of the events that follow.
  EXPECT_TRUE(eventually([&] {
    create();
    return size() != "1";
  }));
}

TEST_F(WorkspaceLogsTest, AnAlteredEventIsFoundThere) {
  begin();
  const std::string id = create();
  prove(id);
  json said = verify();
  EXPECT_EQ(said.at("is_valid"), true) << said;
  EXPECT_EQ(said.at("total_events"), 1);
  server_.superuser("UPDATE audit_events SET actor_id = 'nobody'", "audit_ws_team_a");
  said = verify();
  EXPECT_EQ(said.at("is_valid"), false) << said;
  EXPECT_EQ(said.at("tampered_events").at(0).at("event_id"), id);
  EXPECT_EQ(pod_.api("GET", base_ + "/audit/events/" + id + "/proof").status, 409U);
  server_.superuser("DELETE FROM audit_events", "audit_ws_team_a");
  EXPECT_EQ(verify().at("missing_events"), 1);
}

TEST_F(WorkspaceLogsTest, AStateThatSomebodyWroteIsNotSealedOn) {
  begin();
  prove(create());
  server_.superuser("UPDATE audit_log SET last_batch = last_batch + 1", "audit_ws_team_a");
  create();
  EXPECT_TRUE(eventually([&] { return pod_.api("GET", log_ + "/checkpoint").status == 503; }));
  EXPECT_GT(alarms("ForgedState"), 0);
  EXPECT_EQ(size(), "1");
  EXPECT_THAT(pod_.log(), HasSubstr("the log of a workspace is not as this StoragePool's pods have left it"));
}

// Under the same name, in the same pod, which remembers the one before.
TEST_F(WorkspaceLogsTest, AWorkspaceThatIsMadeAnewHasAnotherLog) {
  begin();
  create();
  prove(create());
  const std::string before = json::parse(get(log_ + "/status").body).at("origin");
  const std::string cursor = json::parse(get(base_ + "/audit/feed?from=earliest&limit=1").body).at("next");
  ASSERT_EQ(pod_.api("DELETE", base_, R"({})").status, 403U) << "in mode None nobody may";
  server_.superuser("UPDATE storagepool_workspaces SET state = 'deleting'", "audit");
  ASSERT_TRUE(eventually([&] { return pod_.api("GET", base_).status == 404; })) << pod_.log();
  const json closed =
      json::parse(pod_.api("GET", testing::kEvents + "?event_type=storagepool.log.closed").body).at("data");
  ASSERT_EQ(closed.size(), 1U);
  EXPECT_EQ(closed[0].at("resource_id"), "team-a");
  EXPECT_THAT(closed[0].at("event_data").at("checkpoint").get<std::string>(), StartsWith(before + "\n2\n"));
  make();
  EXPECT_EQ(pod_.api("GET", base_ + "/audit/feed?from=" + cursor).status, 409U) << "of the one before";
  prove(create());
  EXPECT_EQ(pod_.api("GET", base_ + "/audit/feed?from=" + cursor).status, 409U);
  const json after = json::parse(get(log_ + "/status").body);
  EXPECT_NE(after.at("origin"), before);
  EXPECT_THAT(after.at("origin").get<std::string>(), HasSubstr(incarnation()));
  EXPECT_EQ(after.at("size"), 1);
  for (const char* alarm : {"LogRolledBack", "OtherLog", "StateGone"}) EXPECT_EQ(alarms(alarm), 0) << alarm;
}

TEST_F(WorkspaceLogsTest, WhatAPodHasLeftIsSealedByTheNext) {
  begin();
  prove(create());
  server_.superuser("ALTER TABLE audit_seals RENAME TO elsewhere", "audit_ws_team_a");
  const std::string id = create();
  pod_.signal(SIGKILL);
  pod_.wait();
  server_.superuser("ALTER TABLE elsewhere RENAME TO audit_seals", "audit_ws_team_a");
  start();
  EXPECT_EQ(size(), "1");
  EXPECT_EQ(pod_.api("GET", base_ + "/audit/events/" + id).status, 200U);
  EXPECT_TRUE(eventually([&] { return size() == "2"; })) << pod_.log();
}

TEST_F(WorkspaceLogsTest, ItsEventsAreFollowedInTheirOrder) {
  begin();
  const std::string feed = base_ + "/audit/feed?from=";
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(create());
  prove(ids.back());
  json page = json::parse(get(feed + "earliest").body);
  std::vector<std::string> told;
  for (const json& event : page.at("data")) {
    EXPECT_EQ(event.at("seq"), told.size());
    told.push_back(event.at("event_id"));
  }
  EXPECT_EQ(told, ids);
  const std::string next = page.at("next");
  auto later = std::async(std::launch::async, [&] { return pod_.api("GET", feed + next + "&wait=55s"); });
  const std::string id = create();
  page = json::parse(later.get().body);
  ASSERT_EQ(page.at("data").size(), 1U) << page;
  EXPECT_EQ(page.at("data").at(0).at("event_id"), id);
  EXPECT_EQ(json::parse(get(feed + "latest").body).at("next"), page.at("next"));
  pod_.create(valid_event());
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_size") > 0; }));
  EXPECT_EQ(pod_.api("GET", "/api/v1/audit/feed?from=" + next).status, 409U) << "of another log";
}

TEST_F(WorkspaceLogsTest, AHundredMayWaitForThemAndAreAnsweredWhenThePodEnds) {
  begin();
  const std::string feed = base_ + "/audit/feed?from=latest&wait=55s";
  const json empty = json::parse(get(base_ + "/audit/feed?from=earliest").body);
  EXPECT_EQ(empty.at("data").size(), 0U);
  EXPECT_EQ(empty.at("at_end"), true);
  constexpr int kMost = 100;
  std::vector<std::future<testing::HttpResponse>> followers;
  for (int i = 0; i < kMost; ++i)
    followers.push_back(std::async(std::launch::async, [&] { return pod_.api("GET", feed); }));
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_waiting_requests") == kMost; }));
  const auto refused = pod_.api("GET", feed);
  EXPECT_EQ(refused.status, 503U);
  EXPECT_THAT(refused.body, HasSubstr("100 requests read the feed of workspaces already"));
  EXPECT_EQ(pod_.api("GET", "/api/v1/audit/feed?from=latest").status, 503U) << "it has no entry";
  EXPECT_THAT(pod_.api("GET", "/api/v1/audit/feed?from=latest").body, HasSubstr("no entry yet"));
  EXPECT_EQ(pod_.stop(), 0) << pod_.log();
  for (auto& follower : followers) {
    const auto answer = follower.get();
    ASSERT_EQ(answer.status, 200U) << answer.body;
    EXPECT_EQ(json::parse(answer.body).at("data").size(), 0U);
  }
}

TEST_F(WorkspaceLogsTest, AStreamEndsWhereItsWorkspaceIsGone) {
  begin();
  prove(create());
  auto stream = std::async(std::launch::async, [&] {
    return pod_.send(8080, "GET", base_ + "/audit/feed?from=earliest", {{"Accept", "application/x-ndjson"}});
  });
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_waiting_requests") == 1; }));
  server_.superuser("UPDATE storagepool_workspaces SET state = 'deleting'", "audit");
  const auto answer = stream.get();
  EXPECT_EQ(answer.status, 200U);
  EXPECT_THAT(answer.body, HasSubstr("\n{\"bookmark\":\"1.1.1."));
}

TEST_F(WorkspaceLogsTest, AnExportIsSignedByItsLog) {
  begin();
  const std::string id = create();
  prove(id);
  const auto answer = pod_.send(8080, "GET", base_ + "/audit/export?include_detached_signature=true",
                                {{"X-Auth-Request-User", "auditor"}});
  ASSERT_EQ(answer.status, 200U) << answer.body;
  const json exported = json::parse(answer.body);
  ASSERT_EQ(exported.at("events").size(), 1U);
  EXPECT_EQ(exported.at("events").at(0).at("event_id"), id);
  EXPECT_EQ(exported.at("events").at(0).at("hash_chain_valid"), true);
  EXPECT_THAT(exported.at("detached_signature").get<std::string>(), HasSubstr("/ws/team-a/" + incarnation()));
  const json acts =
      json::parse(pod_.api("GET", testing::kEvents + "?event_type=storagepool.export.created").body)
          .at("data");
  ASSERT_EQ(acts.size(), 1U);
  EXPECT_EQ(acts[0].at("event_data").at("workspace"), "team-a");
}

// As a release before the log has left it.
TEST_F(WorkspaceLogsTest, AWorkspaceOfAnEarlierReleaseGetsItsLog) {
  begin();
  const std::string old = create();
  EXPECT_EQ(pod_.stop(), 0);
  server_.superuser(
      "DROP FUNCTION storagepool_guard CASCADE; DROP TABLE audit_batches, audit_seals, audit_nodes, "
      "audit_log, audit_expiry, audit_legal_holds, "
      "audit_progress, audit_log_floors;"
      "ALTER TABLE audit_events DROP principal, DROP received_at, DROP received_from, DROP salt, DROP batch;"
      "DELETE FROM storagepool_schema WHERE version > 4",
      "audit_ws_team_a");
  start();
  prove(create());
  const json said = verify();
  EXPECT_EQ(said.at("is_valid"), true);
  EXPECT_EQ(said.at("verified_events"), 1);
  EXPECT_EQ(said.at("skipped_null_hash"), 1);
  EXPECT_EQ(pod_.api("GET", base_ + "/audit/events/" + old + "/proof").status, 409U);
}

}  // namespace
}  // namespace storagepool::service
