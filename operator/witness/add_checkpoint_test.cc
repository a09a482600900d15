#include "operator/witness/add_checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/witness/testing/told_log.h"

namespace storagepool::witness {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using namespace std::chrono_literals;

const std::string kSize = "text/x.tlog.size";

const tlog::NoteKey& outside_key() {
  static const auto key =
      tlog::NoteKey::of_seed(tlog::KeyKind::kWitness, "outside.example", std::string(32, 'o'));
  return *key;
}

class AddCheckpointTest : public ::testing::Test {
 protected:
  AddCheckpointTest() {
    log_.grow(7);
    asked_ = submission_of(cosigned(log_.floor(), testing::witness_key(), now_), now_);
    asked_.old_size = 3;
  }
  Heard answered(int status, const std::string& type = "text/plain", const std::string& body = "") {
    return read_answer({.status = status, .content_type = type, .body = body}, asked_, outside_key(), now_);
  }
  Heard answered_with(const std::vector<tlog::NoteSignature>& signatures) {
    const std::string note = tlog::Note{.text = asked_.note.text, .signatures = signatures}.write();
    return answered(200, "text/plain", note.substr(asked_.note.text.size() + 1));
  }
  tlog::NoteSignature sign(const tlog::NoteKey& key, std::chrono::seconds later = {}) const {
    return key.sign(asked_.note.text, std::chrono::floor<std::chrono::seconds>(now_) + later);
  }

  testing::ToldLog log_;
  runtime::Timestamp now_{1'790'000'000s};
  Submission asked_;
};

TEST_F(AddCheckpointTest, SaysWhatTheProtocolWants) {
  EXPECT_THAT(asked_.note.signatures, SizeIs(1)) << "the log's alone";
  EXPECT_EQ(write_body(asked_), "old 3\n\n" + asked_.note.write());
  asked_.proof = {"AAAA", "BBBB"};
  EXPECT_EQ(write_body(asked_), "old 3\nAAAA\nBBBB\n\n" + asked_.note.write());
  EXPECT_THAT(asked_.note.write(), StartsWith(std::string(testing::kOrigin) + "\n7\n"));
}

TEST_F(AddCheckpointTest, TakesACosignatureThatIsGood) {
  const tlog::NoteKey other =
      tlog::NoteKey::of_seed(tlog::KeyKind::kWitness, "outside.example", std::string(32, 'x')).value();
  const tlog::NoteSignature good = sign(outside_key(), 5s);
  const Heard heard = answered_with({sign(other), good});
  EXPECT_EQ(heard.worth, Worth::kCosigned);
  EXPECT_EQ(heard.cosignature, good);
  EXPECT_EQ(heard.at, now_ + 5s);
  tlog::NoteSignature bad = good;
  bad.bytes.back() ^= 1;
  EXPECT_EQ(answered_with({bad, good}).cosignature, good) << "of the same key";
}

TEST_F(AddCheckpointTest, BelievesNoOtherCosignature) {
  const tlog::NoteKey other =
      tlog::NoteKey::of_seed(tlog::KeyKind::kWitness, "outside.example", std::string(32, 'x')).value();
  tlog::NoteSignature bad = sign(outside_key());
  bad.bytes.back() ^= 1;
  EXPECT_EQ(answered_with({sign(other)}).worth, Worth::kUnusable);
  EXPECT_EQ(answered_with({bad}).worth, Worth::kUnusable);
  const auto of_another_text =
      outside_key().sign(tlog::Checkpoint{.origin = testing::kOrigin, .size = 7, .root = {}}.write(),
                         std::chrono::floor<std::chrono::seconds>(now_));
  EXPECT_EQ(answered_with({of_another_text}).worth, Worth::kUnusable);
  for (const char* garbage : {"", "\n", "yes", "<html>\n", "\u2014 outside.example AAAA\n", "\n\n", "\x01\n"})
    EXPECT_EQ(answered(200, "text/plain", garbage).worth, Worth::kUnusable) << garbage;
  std::string many;
  for (int i = 0; i < 200; ++i) many += "\u2014 outside.example AAAAAAAAAA==\n";
  EXPECT_EQ(answered(200, "text/plain", many).worth, Worth::kUnusable);
}

TEST_F(AddCheckpointTest, BelievesNoTimeThatCannotBe) {
  EXPECT_EQ(answered_with({sign(outside_key(), -1h)}).worth, Worth::kCosigned);
  EXPECT_EQ(answered_with({sign(outside_key(), 1h)}).worth, Worth::kCosigned);
  for (const std::chrono::seconds off : {-3601s, 3601s, -1'790'000'000s}) {
    const Heard heard = answered_with({sign(outside_key(), off)});
    EXPECT_EQ(heard.worth, Worth::kUnusable) << off.count();
    EXPECT_THAT(heard.why, HasSubstr("its clock is wrong"));
  }
  const tlog::NoteSignature latest =
      outside_key().sign(asked_.note.text, std::chrono::sys_seconds(std::chrono::seconds(INT64_MAX)));
  EXPECT_EQ(answered_with({latest}).worth, Worth::kUnusable);
}

TEST_F(AddCheckpointTest, GoesOnFromWhereTheWitnessStands) {
  for (const char* body : {"5\n", "5"}) {
    const Heard heard = answered(409, kSize, body);
    EXPECT_EQ(heard.worth, Worth::kElsewhere);
    EXPECT_EQ(heard.size, 5U);
  }
  EXPECT_EQ(answered(409, kSize, "0\n").size, 0U);
  EXPECT_EQ(answered(409, kSize, "18446744073709551615\n").size, UINT64_MAX);
  for (const char* odd : {"", "\n", "-1\n", "05\n", "5 \n", "5\n\n", "18446744073709551616\n", "0x5\n"})
    EXPECT_EQ(answered(409, kSize, odd).worth, Worth::kUnusable) << odd;
  EXPECT_EQ(answered(409, "text/plain", "5\n").worth, Worth::kUnusable);
  EXPECT_EQ(answered(409, kSize, "3\n").worth, Worth::kUnusable) << "it was asked from there";
}

TEST_F(AddCheckpointTest, AnotherHistoryIsToldApartFromAnError) {
  const Heard refused = answered(422);
  EXPECT_EQ(refused.worth, Worth::kInconsistent);
  EXPECT_EQ(refused.why, "it does not find that the log's 7 entries continue the 3 that it has cosigned");
  asked_.old_size = 7;
  const Heard same = answered(409);
  EXPECT_EQ(same.worth, Worth::kInconsistent);
  EXPECT_THAT(same.why, HasSubstr("another root hash at the log's size of 7"));
  EXPECT_EQ(answered(409, kSize, "7\n").worth, Worth::kInconsistent);
  EXPECT_EQ(answered(409, kSize, "6\n").worth, Worth::kElsewhere) << "its state was set back";
  asked_.old_size = 0;
  EXPECT_EQ(answered(422).worth, Worth::kRefused) << "there was no proof";
}

TEST_F(AddCheckpointTest, SaysWhatKeepsItFromCosigning) {
  EXPECT_EQ(answered(404).why, "it does not know a log storagepool.dev/team/audit (404)");
  EXPECT_EQ(answered(403).why, "it knows another key of the log (403)");
  for (const int status : {301, 302, 400, 401, 403, 404, 204})
    EXPECT_EQ(answered(status).worth, Worth::kRefused) << status;
  for (const int status : {408, 429, 500, 503}) EXPECT_EQ(answered(status).worth, Worth::kFailed) << status;
  EXPECT_THAT(answered(503, "text/html", "secret").why, "it answers 503") << "and nothing of its words";
}

}  // namespace
}  // namespace storagepool::witness
