// Receipts of the running program, verified as docs/evidence.md has an auditor do.
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/encoding/encoding.h"
#include "pool/common/tlog/inclusion_proof.h"
#include "pool/common/tlog/note_key.h"
#include "pool/evidence/entry.h"
#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;
using ::testing::HasSubstr;
using testing::kEvents;
using testing::valid_event;

class DataStorageReceiptsTest : public testing::LoneProgramTest {
 protected:
  testing::HttpResponse post(const std::string& path, const json& body) const {
    return pod_.send(8080, "POST", path,
                     {{"Content-Type", "application/json"}, {"Prefer", "respond-async, receipt"}},
                     body.dump());
  }
  std::string proof_of(const std::string& id, const std::string& base = "/api/v1/audit") const {
    testing::HttpResponse answer;
    EXPECT_TRUE(eventually([&] {
      answer = pod_.api("GET", base + "/events/" + id + "/proof");
      return answer.status == 200;
    })) << answer.body;
    return answer.body;
  }
  std::string vkey() const {
    return json::parse(pod_.api("GET", "/api/v1/audit/log/status").body).at("vkeys").at(0);
  }
  // Whether the page's commands take this answer for good, with the proof of one of its events.
  bool verifies(const std::string& answer, const std::string& proof, const std::string& key) {
    std::ifstream file(STORAGEPOOL_SOURCE_DIR "/docs/evidence.md");
    std::string page{std::istreambuf_iterator<char>(file), {}};
    page.erase(0, page.find("## Receipts"));
    const std::size_t begin = page.find("```sh\n") + 6;
    pod_.write("answer.json", answer);
    pod_.write("proof", proof);
    pod_.write("steps",
               "set -euo pipefail\n" + page.substr(begin, page.find("\n```\n", begin) - begin) + "\n");
    const std::string command = "cd " + pod_.path("") + " && VKEY='" + key + "' bash steps > said 2>&1";
    return std::system(command.c_str()) == 0;
  }
  std::string said() const { return pod_.read("said"); }
};

TEST_F(DataStorageReceiptsTest, AnAuditorVerifiesOneByThePage) {
  start();
  const auto other = post(kEvents, valid_event());
  const auto answer = post(kEvents, valid_event());
  ASSERT_EQ(answer.status, 201U) << answer.body;
  EXPECT_EQ(answer.headers.at("preference-applied"), "receipt");
  const json body = json::parse(answer.body);
  const std::string proof = proof_of(body.at("event_id"));
  const std::string key = vkey();
  EXPECT_TRUE(verifies(answer.body, proof, key)) << said();
  EXPECT_THAT(said(), HasSubstr("1 stored in _system at "));
  EXPECT_THAT(said(), HasSubstr("Signature Verified Successfully"));

  json faked = body;
  std::string& note = faked["receipt"]["note"].get_ref<std::string&>();
  note.replace(note.find("\nstored\n"), 8, "\njournalled\n");
  EXPECT_FALSE(verifies(faked.dump(), proof, key)) << "another promise";
  EXPECT_THAT(said(), HasSubstr("Signature Verification Failure"));
  faked = body;
  faked["receipt"]["entries"] = json::parse(other.body).at("receipt").at("entries");
  EXPECT_FALSE(verifies(faked.dump(), proof, key)) << "the entry of another event";
  EXPECT_THAT(said(), HasSubstr("the entries are not what was signed"));
  std::string entry = *encoding::decode_base64(body.at("receipt").at("entries").at(0).get<std::string>());
  entry.back() ^= 1;
  faked["receipt"]["entries"] = json::array({encoding::encode_base64(entry)});
  EXPECT_FALSE(verifies(faked.dump(), proof, key)) << "another digest";
  EXPECT_THAT(said(), HasSubstr("the entries are not what was signed"));
  EXPECT_FALSE(verifies(answer.body, proof_of(json::parse(other.body).at("event_id")), key));
  EXPECT_THAT(said(), HasSubstr("none that was promised"));
  const auto stranger =
      tlog::NoteKey::of_seed(tlog::KeyKind::kLog, "storagepool.dev/test/audit", std::string(32, 'x'));
  EXPECT_FALSE(verifies(answer.body, proof, stranger->public_text())) << "another key";
}

TEST_F(DataStorageReceiptsTest, WhoDoesNotAskOrSendsAgainGetsTheAnswerAsItIs) {
  start();
  const auto plain = pod_.create(valid_event());
  EXPECT_FALSE(plain.headers.contains("preference-applied"));
  EXPECT_FALSE(json::parse(plain.body).contains("receipt"));
  json event = valid_event();
  event["event_id"] = "3f0e8c1a-0000-4000-8000-000000000001";
  EXPECT_TRUE(json::parse(post(kEvents, event).body).contains("receipt"));
  const auto again = post(kEvents, event);
  EXPECT_EQ(again.status, 201U);
  EXPECT_FALSE(again.headers.contains("preference-applied")) << "nothing new is stored";
  EXPECT_FALSE(json::parse(again.body).contains("receipt"));
}

TEST_F(DataStorageReceiptsTest, WithoutAKeyThereIsNone) {
  pod_.remove("keys/log");
  start();
  const auto answer = post(kEvents, valid_event());
  EXPECT_EQ(answer.status, 201U);
  EXPECT_FALSE(answer.headers.contains("preference-applied"));
  EXPECT_FALSE(json::parse(answer.body).contains("receipt"));
}

TEST_F(DataStorageReceiptsTest, AreOfBatchesWithParentsAndOfWorkspacesToo) {
  server_.superuser("ALTER ROLE app CREATEDB");
  start();
  json parent = valid_event();
  parent["event_id"] = "3f0e8c1a-0000-4000-8000-000000000002";
  json child = valid_event();
  child["parent_event_id"] = parent["event_id"];
  const json batch = {child, parent, valid_event()};
  ASSERT_EQ(pod_.api("PUT", "/api/v1/workspaces/team-a").status, 201U);
  for (const std::string base : {"/api/v1/audit", "/api/v1/workspaces/team-a/audit"}) {
    const auto answer = post(base + "/events/batch", batch);
    ASSERT_EQ(answer.status, 201U) << answer.body;
    const json body = json::parse(answer.body);
    ASSERT_EQ(body.at("receipt").at("entries").size(), 3U);
    for (const json& id : body.at("event_ids"))
      EXPECT_TRUE(verifies(answer.body, proof_of(id, base), vkey())) << id << said();
    EXPECT_THAT(said(),
                HasSubstr(base.ends_with("team-a/audit") ? "3 stored in team-a" : "3 stored in _system"));
  }
}

TEST_F(DataStorageReceiptsTest, WhatIsPromisedOfTheJournalIsKeptThroughAKill) {
  start();
  const auto before = post(kEvents, valid_event());
  ASSERT_EQ(before.status, 201U) << before.body;
  server_.stop();
  const auto single = post(kEvents, valid_event());
  ASSERT_EQ(single.status, 202U) << single.body;
  const json events = {valid_event(), valid_event()};
  const auto batch = post(kEvents + "/batch", events);
  ASSERT_EQ(batch.status, 201U) << batch.body;
  json child = valid_event();
  child["parent_event_id"] = json::parse(before.body).at("event_id");
  const auto waits = post(kEvents, child);
  EXPECT_EQ(waits.status, 202U);
  EXPECT_FALSE(waits.headers.contains("preference-applied")) << "its entry will have its parent's date";
  pod_.signal(SIGKILL);
  ASSERT_EQ(pod_.wait(), 128 + SIGKILL);
  server_.start();
  start();
  const std::string key = vkey();
  EXPECT_TRUE(verifies(single.body, proof_of(json::parse(single.body).at("event_id")), key)) << said();
  EXPECT_THAT(said(), HasSubstr("1 journalled in _system"));
  const json batch_ids = json::parse(batch.body).at("event_ids");
  for (const json& id : batch_ids) EXPECT_TRUE(verifies(batch.body, proof_of(id), key)) << said();
  EXPECT_TRUE(verifies(before.body, proof_of(json::parse(before.body).at("event_id")), key)) << said();
}

TEST_F(DataStorageReceiptsTest, ManyAtOnceHaveNoMoreSignaturesThanCommits) {
  start();
  constexpr int kCallers = 16;
  constexpr int kCalls = 20;
  std::vector<std::vector<std::string>> answers(kCallers);
  {
    std::vector<std::jthread> callers;
    for (auto& mine : answers)
      callers.emplace_back([&] {
        for (int i = 0; i < kCalls; ++i) mine.push_back(post(kEvents, valid_event()).body);
      });
  }
  std::set<std::string> notes;
  for (const auto& mine : answers)
    for (const std::string& answer : mine) notes.insert(json::parse(answer).at("receipt").at("note"));
  EXPECT_LE(static_cast<double>(notes.size()), pod_.metric("storagepool_ingest_batches_total"));
  EXPECT_LT(notes.size(), std::size_t{kCallers} * kCalls);
}

}  // namespace
}  // namespace storagepool::service
