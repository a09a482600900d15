// What the running program keeps of how an event came, and that each event it stores has its entry in the
// log.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/encoding/encoding.h"
#include "pool/common/encoding/sha256.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/timestamp.h"
#include "pool/common/tlog/checkpoint.h"
#include "pool/common/tlog/frontier.h"
#include "pool/common/tlog/inclusion_proof.h"
#include "pool/common/tlog/note_key.h"
#include "pool/evidence/entry.h"
#include "pool/evidence/sealing/sealing.h"
#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;
using ::testing::HasSubstr;
using testing::kEvents;
using ::testing::Not;
using testing::valid_event;

class DataStorageEvidenceTest : public testing::LoneProgramTest {
 protected:
  json item(const testing::HttpResponse& created) const {
    EXPECT_LT(created.status, 300U) << created.body;
    return json::parse(
        pod_.api("GET", kEvents + "/" + json::parse(created.body).at("event_id").get<std::string>()).body);
  }
  // How often this one was found; -1: it is not told.
  double alarms(const std::string& name) const {
    const std::string text = pod_.metrics();
    const std::string sample = "storagepool_log_alarms_total{alarm=\"" + name + "\"} ";
    const std::size_t at = text.find(sample);
    return at == std::string::npos ? -1 : std::stod(text.substr(at + sample.size()));
  }
  std::string sql(const std::string& text) const { return server_.superuser(text, "audit").at(0); }
  // Rows with a batch and without one, entries that are kept.
  std::string counts() const {
    return sql(
        "SELECT count(batch) || ' ' || count(*) - count(batch) || ' ' || "
        "(SELECT coalesce(sum(events), 0) FROM audit_batches) FROM audit_events");
  }
};

TEST_F(DataStorageEvidenceTest, AnItemSaysHowItsEventCame) {
  pod_.write("auth/tokens", "gateway-0123456789abcdef0123456789abcdef gateway:read,write,sensitive\n");
  pod_.token = "gateway-0123456789abcdef0123456789abcdef";
  start({"--auth-mode=Token"});
  json event = valid_event();
  event["principal"] = "root";
  event["received_from"] = "192.0.2.1";
  event["is_sensitive"] = true;
  const auto before = runtime::wall_now();
  const json plain = item(pod_.create(event));
  const auto after = runtime::wall_now();
  EXPECT_EQ(plain.at("principal"), "gateway");
  EXPECT_EQ(plain.at("received_from"), "127.0.0.1");
  const auto received = runtime::parse_timestamp(plain.at("received_at").get<std::string>());
  ASSERT_TRUE(received);
  EXPECT_GE(*received, before);
  EXPECT_LE(*received, after);
  EXPECT_FALSE(plain.contains("salt"));
  EXPECT_EQ(sql("SELECT length(salt) FROM audit_events"), "24");
}

TEST_F(DataStorageEvidenceTest, WhereNobodyIsToldApartThereIsNoPrincipal) {
  start();
  const json anonymous = item(pod_.create(valid_event()));
  EXPECT_FALSE(anonymous.contains("principal"));
  EXPECT_EQ(anonymous.at("received_from"), "127.0.0.1");
  EXPECT_EQ(sql("SELECT count(salt) FROM audit_events"), "0");
}

TEST_F(DataStorageEvidenceTest, WhatWaitedInTheJournalHasTheTimeWhenItCameAndAnEntry) {
  start();
  ASSERT_EQ(pod_.create(valid_event()).status, 201U);
  server_.stop();
  const auto accepted = pod_.create(valid_event());
  ASSERT_EQ(accepted.status, 202U);
  const auto until = runtime::wall_now();
  server_.start();
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_journal_waiting_events") == 0; }))
      << pod_.log();
  const auto received = runtime::parse_timestamp(item(accepted).at("received_at").get<std::string>());
  ASSERT_TRUE(received);
  EXPECT_LE(*received, until);
  EXPECT_EQ(counts(), "2 0 2");
}

TEST_F(DataStorageEvidenceTest, EntriesBeginWithTheKey) {
  const std::string key = pod_.read("keys/log");
  pod_.remove("keys/log");
  start();
  EXPECT_THAT(pod_.log(), HasSubstr("the key of the log that is mounted is not used"));
  ASSERT_EQ(pod_.create(valid_event()).status, 201U);
  EXPECT_EQ(counts(), "0 1 0");
  json facts = pod_.facts();
  EXPECT_FALSE(facts.contains("log"));
  EXPECT_THAT(facts.value("logKeyRefusal", ""), HasSubstr("keys/log"));
  pod_.write("keys/log", key);
  ASSERT_TRUE(
      eventually([&] { return pod_.log().find("events get entries in the log") != std::string::npos; }));
  ASSERT_EQ(pod_.create(valid_event()).status, 201U);
  EXPECT_EQ(counts(), "1 1 1");
  facts = pod_.facts();
  EXPECT_EQ(facts.at("log").at("vkeys"), json::array({tlog::NoteKey::read(key)->public_text()}));
  EXPECT_FALSE(facts.contains("logKeyRefusal"));
  EXPECT_THAT(pod_.log(), Not(HasSubstr(key.substr(key.rfind('+')))));
}

TEST_F(DataStorageEvidenceTest, TheLogGrowsSoonAfterWhatIsStored) {
  start();
  json batch = json::array();
  for (int i = 0; i < 50; ++i) batch.push_back(valid_event());
  ASSERT_EQ(pod_.api("POST", kEvents + "/batch", batch.dump()).status, 201U);
  ASSERT_EQ(pod_.create(valid_event()).status, 201U);
  EXPECT_TRUE(eventually([&] { return pod_.metric("storagepool_log_size") == 51; })) << pod_.log();
  EXPECT_EQ(sql("SELECT origin || ' ' || size FROM audit_log"), "storagepool.dev/test/audit 51");
  EXPECT_EQ(pod_.metric("storagepool_log_key"), 1);
  for (const evidence::Alarm::Kind kind : evidence::kAlarmKinds)
    EXPECT_EQ(alarms(std::string(evidence::name_of(kind))), 0) << evidence::name_of(kind);
}

TEST_F(DataStorageEvidenceTest, AStateThatSomebodyWroteIsNotSealedOn) {
  start();
  ASSERT_EQ(pod_.create(valid_event()).status, 201U);
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_size") == 1; })) << pod_.log();
  server_.superuser("UPDATE audit_log SET last_batch = last_batch + 1", "audit");
  ASSERT_EQ(pod_.create(valid_event()).status, 201U) << "events are stored all the same";
  EXPECT_TRUE(eventually([&] { return alarms("ForgedState") > 0; })) << pod_.metrics();
  EXPECT_EQ(sql("SELECT size FROM audit_log"), "1");
  EXPECT_THAT(pod_.log(), HasSubstr("not as this StoragePool's pods have left it"));
}

// Only the pod that wrote a batch knows what of it was stored.
TEST_F(DataStorageEvidenceTest, ABatchThatIsCutShortBeforeItIsSealedIsNoticed) {
  start();
  ASSERT_EQ(pod_.create(valid_event()).status, 201U);
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_size") == 1; })) << pod_.log();
  server_.superuser("ALTER TABLE audit_log RENAME TO elsewhere", "audit");
  const json batch = {valid_event(), valid_event()};
  ASSERT_EQ(pod_.api("POST", kEvents + "/batch", batch.dump()).status, 201U);
  server_.superuser("UPDATE audit_batches SET events = 1, kept = '{1}' WHERE events = 2", "audit");
  server_.superuser("ALTER TABLE elsewhere RENAME TO audit_log", "audit");
  EXPECT_TRUE(eventually([&] { return alarms("AlteredBatch") > 0; })) << pod_.log();
}

// Verified as anybody can who knows the log's key.
TEST_F(DataStorageEvidenceTest, AProofShowsThatTheLogHasTheEvent) {
  start();
  const auto nothing = pod_.api("GET", "/api/v1/audit/log/checkpoint");
  EXPECT_TRUE(nothing.status == 503 || nothing.status == 200) << nothing.body;
  for (int i = 0; i < 5; ++i) ASSERT_EQ(pod_.create(valid_event()).status, 201U);
  const std::string id = json::parse(pod_.create(valid_event()).body).at("event_id");
  testing::HttpResponse answer;
  ASSERT_TRUE(eventually([&] {
    answer = pod_.api("GET", kEvents + "/" + id + "/proof");
    return answer.status == 200;
  })) << answer.body;
  EXPECT_EQ(answer.headers.at("content-type"), "text/plain; charset=utf-8");
  const auto proof = tlog::InclusionProof::read(answer.body);
  ASSERT_TRUE(proof) << proof.error() << answer.body;
  const json status = json::parse(pod_.api("GET", "/api/v1/audit/log/status").body);
  const auto key = tlog::NoteKey::read(status.at("vkeys").at(0).get<std::string>());
  ASSERT_TRUE(key);
  EXPECT_TRUE(key->verify(proof->checkpoint));
  const auto checkpoint = tlog::Checkpoint::read(proof->checkpoint.text);
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->origin, "storagepool.dev/test/audit");
  const std::string entry = proof->extra.substr(0, evidence::kEntryBytes);
  const std::string head = proof->extra.substr(evidence::kEntryBytes);
  tlog::Hasher hasher;
  EXPECT_TRUE(tlog::verify_inclusion(hasher, hasher.leaf(entry), proof->index, checkpoint->size, proof->path,
                                     checkpoint->root));
  EXPECT_EQ(encoding::encode_hex(entry.substr(35)), encoding::sha256_hex(head));
  EXPECT_EQ(json::parse(head).at("event_id"), id);
}

// From its tiles alone anybody can build the whole tree anew.
TEST_F(DataStorageEvidenceTest, TilesHaveTheWholeLog) {
  start();
  json batch = json::array();
  for (int i = 0; i < 100; ++i) batch.push_back(valid_event());
  for (int i = 0; i < 3; ++i) {
    for (json& event : batch) event = valid_event();
    ASSERT_EQ(pod_.api("POST", kEvents + "/batch", batch.dump()).status, 201U);
  }
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_size") == 300; })) << pod_.log();
  const auto tile = [&](const std::string& path) {
    return pod_.api("GET", "/api/v1/audit/log/tile/" + path);
  };
  ASSERT_TRUE(eventually([&] { return tile("entries/001.p/44").status == 200; }));
  const auto whole = tile("0/000");
  EXPECT_EQ(whole.headers.at("content-type"), "application/octet-stream");
  EXPECT_THAT(whole.headers.at("cache-control"), HasSubstr("immutable"));
  const std::string hashes = whole.body + tile("0/001.p/44").body;
  const std::string entries = tile("entries/000").body + tile("entries/001.p/44").body;
  constexpr std::size_t kLength = 2;
  ASSERT_EQ(hashes.size(), 300U * 32);
  ASSERT_EQ(entries.size(), 300U * (kLength + evidence::kEntryBytes));
  tlog::Hasher hasher;
  tlog::Frontier tree;
  std::vector<tlog::LevelNode> full;
  for (std::size_t i = 0; i < 300; ++i) {
    const tlog::Hash leaf = hasher.leaf(std::string_view(entries).substr(
        i * (kLength + evidence::kEntryBytes) + kLength, evidence::kEntryBytes));
    EXPECT_EQ(std::string(leaf.begin(), leaf.end()), hashes.substr(i * leaf.size(), leaf.size())) << i;
    tree.append(hasher, leaf, full);
  }
  const auto note = tlog::Note::read(pod_.api("GET", "/api/v1/audit/log/checkpoint").body);
  ASSERT_TRUE(note);
  const auto checkpoint = tlog::Checkpoint::read(note->text);
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->size, 300U);
  EXPECT_EQ(tree.root(hasher), checkpoint->root);
  const std::string upper = tile("1/000.p/1").body;
  ASSERT_EQ(full.size(), 1U);
  EXPECT_EQ(upper, std::string(full[0].hash.begin(), full[0].hash.end()));
  for (const char* absent : {"0/001", "0/001.p/45", "1/000.p/2", "2/000.p/1", "entries/002"})
    EXPECT_EQ(tile(absent).status, 404U) << absent;
  for (const char* wrong :
       {"0", "0/", "0/000/", "0/0", "64/000", "0/000.p/0", "0/000.p/256", "x/000", "entries"})
    EXPECT_EQ(tile(wrong).status, 404U) << wrong;
}

// What docs/evidence.md has an auditor do.
TEST_F(DataStorageEvidenceTest, AnAuditorVerifiesAnEventByThePage) {
  pod_.write("auth/tokens", "auditor-0123456789abcdef0123456789abcdef auditor:read,write,sensitive\n");
  pod_.token = "auditor-0123456789abcdef0123456789abcdef";
  start({"--auth-mode=Token"});
  for (int i = 0; i < 10; ++i) ASSERT_EQ(pod_.create(valid_event()).status, 201U);
  json event = valid_event();
  event["is_sensitive"] = true;
  const std::string id = json::parse(pod_.create(event).body).at("event_id");
  for (int i = 0; i < 6; ++i) ASSERT_EQ(pod_.create(valid_event()).status, 201U);
  ASSERT_TRUE(eventually([&] { return pod_.api("GET", kEvents + "/" + id + "/proof").status == 200; }));
  const json status = json::parse(pod_.api("GET", "/api/v1/audit/log/status").body);
  std::ifstream file(STORAGEPOOL_SOURCE_DIR "/docs/evidence.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const std::size_t begin = page.find("```sh\n") + 6;
  ASSERT_GT(begin, 6U);
  pod_.write("steps", "set -euo pipefail\n" + page.substr(begin, page.find("\n```\n", begin) - begin) + "\n");
  const auto verify = [&](const std::string& key) {
    const std::string command =
        "cd " + pod_.path("") + " && URL=http://127.0.0.1:" + std::to_string(pod_.api_port()) +
        " TOKEN=" + pod_.token + " EVENT=" + id + " VKEY='" + key + "' bash steps > said 2>&1";
    return std::system(command.c_str());
  };
  const std::string key = status.at("vkeys").at(0);
  EXPECT_EQ(verify(key), 0) << pod_.read("said");
  EXPECT_THAT(pod_.read("said"), HasSubstr("in storagepool.dev/test/audit"));
  EXPECT_THAT(pod_.read("said"), HasSubstr("Signature Verified Successfully"));
  EXPECT_THAT(pod_.read("said"), HasSubstr("\"principal\":\"auditor\""));
  const auto other =
      tlog::NoteKey::of_seed(tlog::KeyKind::kLog, "storagepool.dev/test/audit", std::string(32, 'x'));
  EXPECT_NE(verify(other->public_text()), 0) << "of another key";
}

// Made by the commands of docs/evidence.md.
TEST_F(DataStorageEvidenceTest, AnotherKeyGoesOnWithTheLog) {
  start();
  json event = valid_event();
  event["correlation_id"] = "rekeyed";
  std::vector<std::string> ids{json::parse(pod_.create(event).body).at("event_id")};
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_size") == 1; })) << pod_.log();
  const auto vkeys = [&] {
    return json::parse(pod_.api("GET", "/api/v1/audit/log/status").body).at("vkeys");
  };
  const json before = vkeys();
  ASSERT_EQ(pod_.stop(), 0);

  std::ifstream file(STORAGEPOOL_SOURCE_DIR "/docs/evidence.md");
  std::string page{std::istreambuf_iterator<char>(file), {}};
  page.erase(0, page.find("## Keys"));
  const std::size_t begin = page.find("```sh\n") + 6;
  pod_.write("make", "set -euo pipefail\n" + page.substr(begin, page.find("\n```\n", begin) - begin) + "\n");
  const std::string make =
      "cd " + pod_.path("") + " && NAME=storagepool.dev/test/audit bash make > made 2>&1";
  ASSERT_EQ(std::system(make.c_str()), 0) << pod_.read("made");
  // Of two keys a pod that begins makes entries with the second, for others may not have the first yet.
  pod_.write("keys/log", pod_.read("keys/log") + "\n" + pod_.read("made"));
  start();
  ids.push_back(json::parse(pod_.create(event).body).at("event_id"));
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_size") == 2; })) << pod_.log();
  const json now = vkeys();
  ASSERT_EQ(now.size(), 2U);
  EXPECT_EQ(now.at(1), before.at(0));
  EXPECT_EQ(pod_.facts().at("log").at("vkeys"), now) << "as the operator is told";
  for (const std::string& id : ids) {
    const auto answer = pod_.api("GET", kEvents + "/" + id + "/proof");
    ASSERT_EQ(answer.status, 200U) << answer.body;
    for (const json& vkey : now)
      EXPECT_TRUE(tlog::NoteKey::read(vkey.get<std::string>())
                      ->verify(tlog::InclusionProof::read(answer.body)->checkpoint))
          << vkey;
  }
  const json chain =
      json::parse(pod_.api("POST", "/api/v1/audit/verify-chain", R"({"correlation_id": "rekeyed"})").body);
  EXPECT_EQ(chain.at("verified_events"), 2) << chain;
  EXPECT_EQ(chain.at("is_valid"), true) << chain;
  server_.superuser("DELETE FROM audit_events", "audit");
  EXPECT_EQ(
      json::parse(pod_.api("POST", "/api/v1/audit/verify-chain", R"({"correlation_id": "rekeyed"})").body)
          .value("missing_events", 0),
      2)
      << "of both keys";
  for (const evidence::Alarm::Kind kind : evidence::kAlarmKinds)
    EXPECT_EQ(alarms(std::string(evidence::name_of(kind))), 0) << evidence::name_of(kind);
}

TEST_F(DataStorageEvidenceTest, AnEventThatSomebodyChangedIsNotProven) {
  start();
  const std::string id = json::parse(pod_.create(valid_event()).body).at("event_id");
  const auto proof = [&] { return pod_.api("GET", kEvents + "/" + id + "/proof"); };
  ASSERT_TRUE(eventually([&] { return proof().status == 200; })) << proof().body;
  server_.superuser("UPDATE audit_events SET actor_id = 'nobody'", "audit");
  EXPECT_EQ(proof().status, 409U);
  EXPECT_THAT(proof().body, HasSubstr("not-proven"));
  server_.superuser("UPDATE audit_events SET batch = NULL", "audit");
  EXPECT_THAT(proof().body, HasSubstr("has no entry"));
  EXPECT_EQ(pod_.api("GET", kEvents + "/0190a6e2-9b7c-7def-8123-456789abcdef/proof").status, 404U);
}

}  // namespace
}  // namespace storagepool::service
