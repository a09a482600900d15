#include "operator/cli/commands/log/proofs.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/cli/commands/command.h"
#include "operator/cli/testing/recorded.h"
#include "operator/cli/testing/small_log.h"
#include "pool/common/encoding/sha256.h"
#include "pool/common/runtime/testing/temporary_folder.h"
#include "pool/common/tlog/inclusion_proof.h"

namespace storagepool::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using namespace testing;

ProofVerdict verdict_on(const tlog::NoteKey& key, const std::vector<std::string>& lines) {
  Verifier verifier(key);
  for (const std::string& line : lines) verifier.line(line);
  return std::move(verifier).verdict();
}

std::string wrong_with(SmallLog& log, const std::string& line) {
  const ProofVerdict verdict = verdict_on(log.key(), {line, last_line(1, 1)});
  EXPECT_EQ(verdict.proven, 0) << line;
  return verdict.wrong == 1 ? verdict.findings.at(0).why : "";
}

TEST(Proofs, ShowThatEventsAreAsTheyWereLogged) {
  SmallLog log;
  log.add(R"({"big":123456789012345678901234567890,"e":1.0e5,"text":"\u0041"})");
  log.add("{}", {{"error_message", "no \"disk\""}, {"is_sensitive", true}, {"salt", "00ff"}});
  log.add("{\"a\":[1,2]}");
  const ProofVerdict verdict =
      verdict_on(log.key(), {log.line(0), log.line(1), log.line(2), last_line(3, 3)});
  EXPECT_TRUE(verdict.good()) << report(verdict, Paint(false));
  EXPECT_EQ(verdict.proven, 3);
  EXPECT_EQ(verdict.size, 3u);
  EXPECT_THAT(
      report(verdict, Paint(false)),
      ::testing::AllOf(HasSubstr("3 events: 3 proven, 0 without a proof, 0 WRONG"),
                       HasSubstr("checkpoint of 3 entries"), HasSubstr("Not proven: that these are all")));
}

TEST(Proofs, ShowWhatIsNotAsItWasLogged) {
  SmallLog log;
  log.add("{\"a\":1}", {{"error_message", "x"}});
  log.add("{\"a\":2}");
  const std::string line = log.line(0);
  EXPECT_EQ(wrong_with(log, replaced(line, "\"create\"", "\"delete\"")),
            "event_action is not as it was logged");
  EXPECT_EQ(wrong_with(log, replaced(line, "\"event_action\":\"create\",", "")),
            "event_action is not as it was logged");
  EXPECT_EQ(wrong_with(log, replaced(line, "\"actor_id\":null", "\"actor_id\":\"mallory\"")),
            "actor_id was not logged");
  EXPECT_EQ(wrong_with(log, replaced(line, "{\"a\":1}", "{\"a\":1.0}")),
            "event_data is not as it was logged");
  EXPECT_EQ(wrong_with(log, replaced(line, "\"event_data\":{\"a\":1}", "\"event_data\":null")),
            "event_data is not as it was logged");
  EXPECT_EQ(wrong_with(log, replaced(line, "\"error_message\":\"x\"", "\"error_message\":null")),
            "error_message is not as it was logged");
  EXPECT_EQ(wrong_with(log, replaced(line, "\"event_data\":", "\"event_data\":{\"a\":1},\"event_data\":")),
            "it has a member twice");
  EXPECT_THAT(wrong_with(log, proven_line(log.item(0), log.proof(1))), HasSubstr("is not as it was logged"));
}

TEST(Proofs, ShowWhatIsErasedAndThatAllElseIsAsItWasLogged) {
  SmallLog log;
  log.add("{\"a\":1}", {{"error_message", "x"}});
  const std::string digests = "{\"erased\":true,\"event_data_sha256\":\"" +
                              encoding::sha256_hex("{\"a\":1}") + "\",\"error_message_sha256\":\"" +
                              encoding::sha256_hex("x") + "\"}";
  const std::string kept = replaced(log.line(0), "\"error_message\":\"x\"", "\"error_message\":null");
  const std::string line = replaced(kept, "{\"a\":1}", digests);
  const ProofVerdict verdict = verdict_on(log.key(), {line, last_line(1, 1)});
  EXPECT_TRUE(verdict.good()) << report(verdict, Paint(false));
  EXPECT_EQ(verdict.erased, 1);
  EXPECT_THAT(report(verdict, Paint(false)), HasSubstr("Erased: what 1 of these events held is gone"));
  for (const auto& [what, by] :
       {std::pair<std::string, std::string>{"{\"erased\":true", "{\"n\":1,\"erased\":true"},
        {"\"error_message\":null", "\"error_message\":\"y\""},
        {encoding::sha256_hex("x"), encoding::sha256_hex("y")},
        {encoding::sha256_hex("{\"a\":1}"), encoding::sha256_hex("{}")},
        {"\"create\"", "\"delete\""}}) {
    EXPECT_THAT(wrong_with(log, replaced(line, what, by)), HasSubstr("is not as it was logged")) << by;
  }
}

TEST(Proofs, ProveNothingByAnotherKeyLogOrTree) {
  SmallLog log;
  log.add("{}");
  log.add("{}");
  const auto stranger =
      *tlog::NoteKey::of_seed(tlog::KeyKind::kLog, kOrigin, std::string(tlog::kSeedBytes, 't'));
  EXPECT_EQ(verdict_on(stranger, {log.line(0)}).wrong, 1);
  EXPECT_THAT(wrong_with(log, proven_line(log.item(0), log.proof(0, true, "another"))),
              HasSubstr("another log"));
  auto proof = *tlog::InclusionProof::read(log.proof(0));
  proof.index = 1;
  EXPECT_THAT(wrong_with(log, proven_line(log.item(0), proof.write())), HasSubstr("the path does not lead"));
  proof = *tlog::InclusionProof::read(log.proof(0));
  proof.extra[3] ^= 1;
  EXPECT_THAT(wrong_with(log, proven_line(log.item(0), proof.write())), HasSubstr("the path does not lead"));
  proof = *tlog::InclusionProof::read(log.proof(0));
  proof.extra.back() = ' ';
  EXPECT_THAT(wrong_with(log, proven_line(log.item(0), proof.write())), HasSubstr("of another event"));
  EXPECT_THAT(wrong_with(log, proven_line(log.item(0), log.proof(0, false))), HasSubstr("was not shown"));
  EXPECT_FALSE(wrong_with(log, proven_line(log.item(0), "no proof")).empty());
}

TEST(Proofs, TellWhenLinesAreMissing) {
  SmallLog log;
  log.add("{}");
  log.add("{}");
  EXPECT_THAT(verdict_on(log.key(), {log.line(0)}).incomplete, HasSubstr("cut off"));
  EXPECT_THAT(verdict_on(log.key(), {log.line(0), last_line(2, 2)}).incomplete,
              HasSubstr("tells of 2 events"));
  EXPECT_THAT(verdict_on(log.key(), {log.line(0), "no json", last_line(1, 1)}).incomplete,
              HasSubstr("line 2"));
  const ProofVerdict without = verdict_on(log.key(), {log.line(0), log.item(1), last_line(2, 1)});
  EXPECT_FALSE(without.good());
  EXPECT_EQ(without.unproven, 1);
  EXPECT_EQ(without.findings.at(0).line, 2);
  EXPECT_FALSE(verdict_on(log.key(), {last_line(0, 0)}).good()) << "nothing is no proof";
}

TEST(Proofs, EverythingIsCountedAndTheFirstAreNamed) {
  SmallLog log;
  log.add("{}");
  Verifier verifier(log.key());
  for (std::size_t i = 0; i < kMostFindings + 5; ++i) verifier.line(log.item(0));
  const ProofVerdict verdict = std::move(verifier).verdict();
  EXPECT_EQ(verdict.unproven, static_cast<std::int64_t>(kMostFindings) + 5);
  EXPECT_THAT(report(verdict, Paint(false)), HasSubstr("  and 5 more\n"));
}

TEST(Proofs, PagesKeepWhatTheServerWrote) {
  const auto page = read_page(
      R"({"data": [ {"event_id":"a","event_data":{"n": 1.0e5}} , {"event_id":"b"}],"pagination":{"next":"n="}})");
  ASSERT_TRUE(page) << page.error();
  EXPECT_THAT(page->items,
              ::testing::ElementsAre(R"({"event_id":"a","event_data":{"n": 1.0e5}})", R"({"event_id":"b"})"));
  EXPECT_THAT(page->event_ids, ::testing::ElementsAre("a", "b"));
  EXPECT_EQ(page->next, "n=");
  EXPECT_THAT(read_page(R"({"data":[],"pagination":{}})")->next, IsEmpty());
  for (const char* bad : {"", "[]", "{\"data\":1}", "{\"data\":[1]}", "{\"data\":[{]}"})
    EXPECT_FALSE(read_page(bad)) << bad;
}

class VerifyEventsCommand : public ::testing::Test {
 protected:
  Said verify(const std::string& content, Words more = {}) {
    std::ofstream(folder_ / "file", std::ios::binary) << content;
    Words words{"events", "verify", folder_ / "file", "--key", log_.key().public_text()};
    words.insert(words.end(), more.begin(), more.end());
    Said said = run_recorded(recording_, words);
    EXPECT_THAT(recording_.asked, IsEmpty()) << "it works offline";
    EXPECT_THAT(recording_.sent, IsEmpty());
    return said;
  }
  runtime::testing::TemporaryFolder folder_;
  SmallLog log_;
  Recording recording_;
};

TEST_F(VerifyEventsCommand, JudgesAnExportAndAProof) {
  log_.add("{\"a\":1}");
  const std::string good = log_.line(0) + "\n" + last_line(1, 1) + "\n";
  EXPECT_EQ(verify(good).exit_code, kGood);
  const Said bad = verify(replaced(good, "create", "delete"), {"-o", "json"});
  EXPECT_EQ(bad.exit_code, kBad);
  EXPECT_EQ(Json::parse(bad.out)["findings"][0]["event_id"], "id-0") << bad.out;
  const Said proof = verify(log_.proof(0));
  EXPECT_EQ(proof.exit_code, kGood) << proof.err;
  EXPECT_THAT(proof.out, HasSubstr("\"event_action\":\"create\""));
  const Said broken = verify(replaced(log_.proof(0), "index 0", "index 1"));
  EXPECT_EQ(broken.exit_code, kBad);
  EXPECT_THAT(broken.err, HasSubstr("not proven: "));
  EXPECT_EQ(verify("").exit_code, kBad);
  EXPECT_EQ(verify(log_.line(0) + "\n" + last_line(1, 1)).exit_code, kGood) << "the last line has no end";
  EXPECT_EQ(verify(log_.line(0) + std::string(1, '\0') + "more\n" + last_line(1, 1) + "\n").exit_code, kBad);
}

TEST_F(VerifyEventsCommand, SaysWhetherAWitnessHasCosigned) {
  const auto witness_of = [](char seed) {
    return *tlog::NoteKey::of_seed(tlog::KeyKind::kWitness, std::string("witness.example/") + seed,
                                   std::string(tlog::kSeedBytes, seed));
  };
  const tlog::NoteKey ours = witness_of('a');
  const tlog::NoteKey other = witness_of('b');
  log_.add("{\"a\":1}");
  log_.add("{\"a\":2}");
  const std::string cosigned =
      log_.cosigned_proof(0, ours, std::chrono::sys_seconds(std::chrono::seconds(1'790'000'000)));
  const std::string content =
      proven_line(log_.item(0), cosigned) + "\n" + log_.line(1) + "\n" + last_line(2, 2) + "\n";
  const Words both{"--witness", ours.public_text(), "--witness", other.public_text()};
  const Said words = verify(content, both);
  EXPECT_EQ(words.exit_code, kGood) << "proven is what the log has";
  EXPECT_THAT(words.out, HasSubstr("Cosigned: 1 of 2 are in a checkpoint that witness.example/a has cosigned "
                                   "(last at 2026-09-21T14:13:20Z)"));
  EXPECT_THAT(words.out, HasSubstr("Not cosigned by witness.example/b"));
  Words as_json = both;
  as_json.insert(as_json.end(), {"-o", "json"});
  const Json told = Json::parse(verify(content, as_json).out)["witnesses"];
  EXPECT_EQ(told, (Json{{{"witness", "witness.example/a"}, {"events", 1}, {"last", "2026-09-21T14:13:20Z"}},
                        {{"witness", "witness.example/b"}, {"events", 0}}}));
  const Said one = verify(cosigned, both);
  EXPECT_EQ(one.exit_code, kGood);
  EXPECT_THAT(one.err, HasSubstr("Cosigned: 1 of 1"));
  EXPECT_THAT(one.err, HasSubstr("Not cosigned by witness.example/b"));
  const std::string changed = replaced(content, "\"a\":1", "\"a\":3");
  EXPECT_THAT(verify(changed, both).out, HasSubstr("Not cosigned by witness.example/a"))
      << "what is not proven does not count";
}

TEST_F(VerifyEventsCommand, JudgesWhatIsOfAWorkspace) {
  SmallLog there("storagepool.dev/team/audit/ws/team-a/1a2b");
  there.add("{\"a\":1}");
  const std::string good = there.line(0) + "\n" + last_line(1, 1) + "\n";
  const Said said = verify(good, {"--workspace", "team-a"});
  EXPECT_EQ(said.exit_code, kGood) << said.err;
  EXPECT_THAT(said.out, HasSubstr("Proven: the log storagepool.dev/team/audit/ws/team-a/1a2b"));
  EXPECT_EQ(verify(there.proof(0), {"--workspace", "team-a"}).exit_code, kGood);
  EXPECT_EQ(verify(good, {"--workspace", "team-b"}).exit_code, kBad);
  EXPECT_EQ(verify(good).exit_code, kBad) << "of another log than the key";
}

TEST_F(VerifyEventsCommand, RefusesWhatIsNoKeyOfAWitness) {
  log_.add("{}");
  for (const std::string& vkey : {std::string("no key"), log_.key().public_text()}) {
    const Said said = verify(log_.line(0), {"--witness", vkey});
    EXPECT_EQ(said.exit_code, kError);
    EXPECT_THAT(said.err, HasSubstr("--witness: "));
    EXPECT_THAT(said.err, Not(HasSubstr(vkey)));
  }
}

TEST_F(VerifyEventsCommand, RefusesWhatIsNoKeyAndWhatCannotBeRead) {
  Said said =
      run_recorded(recording_, {"events", "verify", folder_ / "none", "--key", log_.key().public_text()});
  EXPECT_EQ(said.exit_code, kError);
  EXPECT_THAT(said.err, HasSubstr("cannot be read"));
  said = run_recorded(recording_, {"events", "verify", folder_ / "none", "--key", "no key"});
  EXPECT_EQ(said.exit_code, kError);
  EXPECT_THAT(said.err, HasSubstr("--key: "));
  EXPECT_THAT(said.err, Not(HasSubstr("no key")));
}

}  // namespace
}  // namespace storagepool::cli
