// What the operator keeps of the log, outside PostgreSQL, and what a pod makes of it.
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/encoding/encoding.h"
#include "pool/common/settings/admin_wire.h"
#include "pool/common/tlog/checkpoint.h"
#include "pool/common/tlog/inclusion_proof.h"
#include "pool/common/tlog/note_key.h"
#include "pool/common/tlog/proofs.h"
#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;
using ::testing::HasSubstr;
using testing::kEvents;
using testing::valid_event;

class WitnessedLogTest : public testing::LoneProgramTest {
 protected:
  static const tlog::NoteKey& witness() {
    static const auto key =
        tlog::NoteKey::of_seed(tlog::KeyKind::kWitness, "witness.example", std::string(32, 'w'));
    return *key;
  }
  static std::string create(testing::Pod& pod) {
    const auto created = pod.create(valid_event());
    EXPECT_EQ(created.status, 201U) << created.body;
    return json::parse(created.body).value("event_id", "");
  }
  static bool has(testing::Pod& pod, double size) {
    return eventually([&] { return pod.metric("storagepool_log_size") == size; });
  }
  static testing::HttpResponse put(testing::Pod& pod, const std::string& floor, bool grow) {
    return pod.admin("PUT", "/admin/log",
                     settings::to_json(settings::LogFloor{.checkpoint = floor, .grow = grow, .restart = {}}));
  }
  static settings::LogReport report(testing::Pod& pod, const std::string& floor = {}) {
    const auto answer = put(pod, floor, true);
    EXPECT_EQ(answer.status, 200U) << answer.body;
    return settings::parse_log_report(answer.body).value_or(settings::LogReport{});
  }
  static tlog::Checkpoint checkpoint_of(const std::string& note) {
    return tlog::Checkpoint::read(tlog::Note::read(note).value().text).value();
  }
  static std::string cosigned(const std::string& note) {
    tlog::Note read = tlog::Note::read(note).value();
    read.signatures.push_back(
        witness().sign(read.text, std::chrono::sys_seconds(std::chrono::seconds(1'790'000'000))));
    return read.write();
  }
  static tlog::Proof proof_of(const settings::LogReport& report) {
    tlog::Proof proof;
    for (const std::string& text : report.proof) {
      const std::string bytes = encoding::decode_base64(text).value();
      std::copy(bytes.begin(), bytes.end(), proof.emplace_back().begin());
    }
    return proof;
  }
  static std::string alarm(testing::Pod& pod) { return pod.facts().at("log").at("alarm"); }
};

TEST_F(WitnessedLogTest, APodProvesThatItsLogHasGrownAndShowsWhatWasCosigned) {
  start();
  EXPECT_EQ(put(pod_, "", true).status, 409U) << "it has no entry yet";
  const std::string first = create(pod_);
  ASSERT_TRUE(has(pod_, 1)) << pod_.log();
  const std::string floor = cosigned(report(pod_).checkpoint);
  EXPECT_EQ(put(pod_, floor, false).status, 200U);
  const auto shown = [&] { return pod_.api("GET", "/api/v1/audit/log/checkpoint").body; };
  EXPECT_TRUE(eventually([&] { return shown() == floor; })) << shown();
  for (int i = 0; i < 6; ++i) create(pod_);
  ASSERT_TRUE(has(pod_, 7)) << pod_.log();
  const settings::LogReport grown = report(pod_, floor);
  const auto key = tlog::NoteKey::read(grown.vkey);
  ASSERT_TRUE(key);
  EXPECT_TRUE(key->verify(tlog::Note::read(grown.checkpoint).value()));
  const tlog::Checkpoint before = checkpoint_of(floor);
  const tlog::Checkpoint now = checkpoint_of(grown.checkpoint);
  tlog::Hasher hasher;
  EXPECT_EQ(now.size, 7U);
  EXPECT_TRUE(
      tlog::verify_consistency(hasher, before.size, before.root, now.size, now.root, proof_of(grown)));
  // The event that the witness has seen is proven in what it has cosigned, a newer one in the newest.
  const auto proven = [&](const std::string& id) {
    const auto answer = pod_.api("GET", kEvents + "/" + id + "/proof");
    EXPECT_EQ(answer.status, 200U) << answer.body;
    return tlog::InclusionProof::read(answer.body).value().checkpoint;
  };
  EXPECT_EQ(proven(first).write(), floor);
  EXPECT_TRUE(witness().verify(proven(first)));
  const std::string last =
      json::parse(pod_.api("GET", kEvents + "?limit=1").body).at("data").at(0).at("event_id");
  EXPECT_EQ(tlog::Checkpoint::read(proven(last).text)->size, 7U);
  EXPECT_EQ(json::parse(pod_.api("GET", "/api/v1/audit/log/status").body).at("witnessed"), floor);
  json facts = pod_.facts().at("log");
  EXPECT_EQ(facts.at("vkeys").size(), 1U);
  facts.erase("vkeys");
  EXPECT_EQ(
      facts,
      (json{{"size", 7}, {"floor", 1}, {"alarm", ""}, {"detail", ""}, {"epoch", 1}, {"signatures", 2}}));
}

// Of outside witnesses: what the operator keeps is cosigned by more of them later, and one that was away asks
// for a proof from a size of which nobody has the checkpoint any more.
TEST_F(WitnessedLogTest, WhatOthersCosignLaterIsShownToo) {
  start();
  for (int i = 0; i < 5; ++i) create(pod_);
  ASSERT_TRUE(has(pod_, 5)) << pod_.log();
  const std::string floor = cosigned(report(pod_).checkpoint);
  ASSERT_EQ(put(pod_, floor, false).status, 200U);
  const auto status = [&] { return json::parse(pod_.api("GET", "/api/v1/audit/log/status").body); };
  ASSERT_TRUE(eventually([&] { return status().value("witnessed", "") == floor; })) << status();
  tlog::Note note = tlog::Note::read(floor).value();
  const auto outside =
      tlog::NoteKey::of_seed(tlog::KeyKind::kWitness, "outside.example", std::string(32, 'o')).value();
  note.signatures.push_back(
      outside.sign(note.text, std::chrono::sys_seconds(std::chrono::seconds(1'790'000'005))));
  ASSERT_EQ(put(pod_, note.write(), false).status, 200U);
  EXPECT_EQ(status().value("witnessed", ""), note.write());
  EXPECT_EQ(pod_.api("GET", "/api/v1/audit/log/checkpoint").body, note.write());
  EXPECT_EQ(pod_.facts().at("log").at("signatures"), 3);
}

TEST_F(WitnessedLogTest, GrowthIsProvenFromASizeAlone) {
  start();
  for (int i = 0; i < 3; ++i) create(pod_);
  ASSERT_TRUE(has(pod_, 3)) << pod_.log();
  const tlog::Checkpoint old = checkpoint_of(report(pod_).checkpoint);
  for (int i = 0; i < 4; ++i) create(pod_);
  ASSERT_TRUE(has(pod_, 7)) << pod_.log();
  const std::string floor = cosigned(report(pod_).checkpoint);
  create(pod_);
  ASSERT_TRUE(has(pod_, 8)) << pod_.log();
  const auto from = [&](std::int64_t size) {
    return pod_.admin("PUT", "/admin/log",
                      settings::to_json(settings::LogFloor{
                          .checkpoint = floor, .grow = false, .restart = {}, .from = size}));
  };
  const auto answer = from(3);
  ASSERT_EQ(answer.status, 200U) << answer.body;
  const tlog::Checkpoint now = checkpoint_of(floor);
  tlog::Hasher hasher;
  EXPECT_TRUE(tlog::verify_consistency(hasher, old.size, old.root, now.size, now.root,
                                       proof_of(settings::parse_log_report(answer.body).value())));
  EXPECT_EQ(from(8).status, 409U) << "the checkpoint has 7 entries";
}

// Of an operator whose ConfigMap came from a back-up.
TEST_F(WitnessedLogTest, AnOlderFloorThanTheLastIsProvenToGrowToo) {
  start();
  create(pod_);
  ASSERT_TRUE(has(pod_, 1)) << pod_.log();
  const std::string first = cosigned(report(pod_).checkpoint);
  for (int i = 0; i < 2; ++i) create(pod_);
  ASSERT_TRUE(has(pod_, 3)) << pod_.log();
  const std::string last = cosigned(report(pod_, first).checkpoint);
  EXPECT_EQ(put(pod_, last, false).status, 200U);
  create(pod_);
  ASSERT_TRUE(has(pod_, 4)) << pod_.log();
  const settings::LogReport grown = report(pod_, first);
  tlog::Hasher hasher;
  const tlog::Checkpoint before = checkpoint_of(first);
  const tlog::Checkpoint now = checkpoint_of(grown.checkpoint);
  EXPECT_TRUE(
      tlog::verify_consistency(hasher, before.size, before.root, now.size, now.root, proof_of(grown)));
}

TEST_F(WitnessedLogTest, AFloorThatIsNoneIsRefusedInWords) {
  start();
  create(pod_);
  ASSERT_TRUE(has(pod_, 1)) << pod_.log();
  const auto refused = [&](const std::string& floor) {
    const auto answer = put(pod_, floor, false);
    EXPECT_EQ(answer.status, 409U) << answer.body;
    return answer.body;
  };
  EXPECT_THAT(refused("nonsense"), HasSubstr("the floor: "));
  const tlog::Checkpoint other{.origin = "log.example/other", .size = 9, .root = {}};
  const std::string note =
      tlog::Note{.text = other.write(), .signatures = {witness().sign(other.write(), {})}}.write();
  EXPECT_THAT(refused(note),
              HasSubstr("of the log log.example/other, and this is storagepool.dev/test/audit"));
  EXPECT_EQ(pod_.admin("PUT", "/admin/log", "{}").status, 400U);
  EXPECT_EQ(alarm(pod_), "");
}

// Which no table of the new primary can show, and no pod remembers.
TEST_F(WitnessedLogTest, AFailoverThatLostWhatWasCosignedIsNoticed) {
  start();
  for (int i = 0; i < 3; ++i) create(pod_);
  ASSERT_TRUE(has(pod_, 3)) << pod_.log();
  const auto standby = postgres::testing::Server::standby_of(server_);
  ASSERT_TRUE(eventually([&] {
    return standby->superuser("SELECT size FROM audit_log", "audit") == std::vector<std::string>{"3"};
  }));
  standby->stop();
  for (int i = 0; i < 2; ++i) create(pod_);
  ASSERT_TRUE(has(pod_, 5)) << pod_.log();
  const std::string floor = cosigned(report(pod_).checkpoint);
  server_.kill();
  standby->start();
  standby->promote();

  testing::Pod pod(standby->connect_options());
  testing::start_ready(pod);
  for (int i = 0; i < 4; ++i) create(pod);
  ASSERT_TRUE(has(pod, 7)) << "it is larger, and another: " << pod.log();
  EXPECT_EQ(alarm(pod), "");
  EXPECT_EQ(put(pod, floor, false).status, 200U);
  ASSERT_TRUE(eventually([&] { return alarm(pod) == "LogRolledBack"; })) << pod.facts();
  EXPECT_EQ(pod.api("GET", "/api/v1/audit/log/checkpoint").status, 503U);
  EXPECT_THAT(put(pod, floor, true).body, HasSubstr("does not begin with the 5 entries"));
  create(pod);
  EXPECT_THAT(pod.metrics(), HasSubstr("storagepool_log_alarms_total{alarm=\"LogRolledBack\"}"));
  EXPECT_EQ(standby->superuser("SELECT size FROM audit_log", "audit").at(0), "7") << "nothing is sealed";
}

// By a restore of a dump, as who has nothing else does it.
TEST_F(WitnessedLogTest, AfterARestoreTheLogGoesOnInItsNextEpochWhereAPersonSaysSo) {
  start();
  for (int i = 0; i < 3; ++i) create(pod_);
  ASSERT_TRUE(has(pod_, 3)) << pod_.log();
  server_.superuser(
      "CREATE SCHEMA saved; CREATE TABLE saved.log AS TABLE audit_log; CREATE TABLE saved.seals AS TABLE "
      "audit_seals; CREATE TABLE saved.batches AS TABLE audit_batches",
      "audit");
  for (int i = 0; i < 2; ++i) create(pod_);
  ASSERT_TRUE(has(pod_, 5)) << pod_.log();
  const std::string floor = cosigned(report(pod_).checkpoint);
  ASSERT_EQ(put(pod_, floor, false).status, 200U);
  server_.superuser(
      "BEGIN; DELETE FROM audit_log; INSERT INTO audit_log SELECT * FROM saved.log; DELETE FROM audit_seals; "
      "INSERT INTO audit_seals SELECT * FROM saved.seals; DELETE FROM audit_batches; INSERT INTO "
      "audit_batches SELECT * FROM saved.batches; COMMIT",
      "audit");
  create(pod_);
  ASSERT_TRUE(eventually([&] { return alarm(pod_) == "LogRolledBack"; })) << pod_.facts();
  const std::string kRestart = settings::to_json(settings::LogFloor{
      .checkpoint = floor, .grow = true, .restart = settings::LogRestart{.epoch = 2, .reason = "restored"}});
  testing::HttpResponse answer;
  ASSERT_TRUE(eventually([&] {
    answer = pod_.admin("PUT", "/admin/log", kRestart);
    return answer.status == 200;
  })) << answer.body
      << pod_.log();
  const auto now = [&] { return json::parse(pod_.api("GET", "/api/v1/audit/log/status").body); };
  ASSERT_TRUE(eventually([&] { return now().value("origin", "") == "storagepool.dev/test/audit/e2"; }))
      << now();
  EXPECT_EQ(alarm(pod_), "");
  const json found =
      json::parse(pod_.api("GET", kEvents + "?event_type=storagepool.log.restarted").body).at("data");
  ASSERT_EQ(found.size(), 1U) << "once, however often it is asked for";
  EXPECT_EQ(found[0].at("event_data"),
            (json{{"epoch", 2}, {"size", 3}, {"checkpoint", floor}, {"reason", "restored"}}));
  // It is in the new log, which its own key has signed.
  const std::string id = found[0].at("event_id");
  testing::HttpResponse proof;
  ASSERT_TRUE(eventually([&] {
    proof = pod_.api("GET", kEvents + "/" + id + "/proof");
    return proof.status == 200;
  })) << proof.body;
  const auto key = tlog::NoteKey::read(now().at("vkeys").at(0).get<std::string>());
  ASSERT_TRUE(key);
  EXPECT_EQ(key->name(), "storagepool.dev/test/audit/e2");
  EXPECT_TRUE(key->verify(tlog::InclusionProof::read(proof.body)->checkpoint));
  EXPECT_FALSE(now().contains("witnessed")) << "nobody has cosigned the epoch yet";
  const settings::LogReport grown = report(pod_, floor);
  const std::string next = cosigned(grown.checkpoint);
  EXPECT_EQ(put(pod_, next, false).status, 200U);
  EXPECT_TRUE(eventually([&] { return now().value("witnessed", "") == next; })) << now();
}

}  // namespace
}  // namespace storagepool::service
