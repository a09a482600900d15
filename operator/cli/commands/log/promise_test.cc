#include "operator/cli/commands/log/promise.h"

#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/cli/commands/command.h"
#include "operator/cli/testing/recorded.h"
#include "operator/cli/testing/small_log.h"
#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace testing;

constexpr const char* kNow = "2026-11-30T10:00:00.000000Z";

std::string base64_of(const tlog::Hash& hash) {
  return encoding::encode_base64({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

// What a pod answers to the second of three calls of one commit.
struct Answer {
  std::vector<std::string> entries{};
  std::string form = "storagepool.dev/receipt/v1";
  std::string origin = kOrigin;
  std::string place = "_system";
  char seed = 's';

  Json receipt() const {
    tlog::testing::KeptTree calls;
    std::string all;
    Json list = Json::array();
    for (const std::string& entry : entries) {
      all += entry;
      list.push_back(encoding::encode_base64(entry));
    }
    for (const std::string& call : {std::string("one"), all, std::string("three")}) calls.append(call);
    tlog::Note note{.text = form + "\n" + origin + "\n" + place + "\nstored\n" + kNow + "\n3\n" +
                            base64_of(calls.root()) + "\n",
                    .signatures = {}};
    const auto key =
        *tlog::NoteKey::of_seed(tlog::KeyKind::kLog, kOrigin, std::string(tlog::kSeedBytes, seed));
    note.signatures.push_back(key.sign(note.text, {}));
    Json path = Json::array();
    for (const tlog::Hash& hash : calls.prove(tlog::inclusion_plan(1, 3))) path.push_back(base64_of(hash));
    return {{"note", note.write()}, {"index", 1}, {"path", path}, {"entries", list}};
  }
  std::string text() const { return Json{{"event_id", "id"}, {"receipt", receipt()}}.dump(); }
};

std::string refusal(SmallLog& log, const std::string& answer, const std::string& workspace = "") {
  const auto read = Promise::read(answer, log.key(), workspace);
  return read ? "" : read.error();
}

class PromiseTest : public ::testing::Test {
 protected:
  PromiseTest() {
    log_.add("{\"a\":1}");
    log_.add("{\"a\":2}");
    answer_.entries = {log_.entry(0), log_.entry(1)};
  }
  // With one that the log does not have.
  std::string broken() const {
    Answer answer = answer_;
    answer.entries.back().back() ^= 1;
    return answer.text();
  }
  SmallLog log_;
  Answer answer_;
};

TEST_F(PromiseTest, IsKeptWhereTheLogHasAllItsEntries) {
  auto promise = Promise::read(answer_.text(), log_.key(), "");
  ASSERT_TRUE(promise) << promise.error();
  EXPECT_EQ(promise->verdict().missing.size(), 2U);
  promise->has(log_.entry(0));
  promise->has("other" + log_.entry(0));
  EXPECT_THAT(promise->verdict().missing, ElementsAre("65656565-6565-6565-6565-656565656565"));
  std::string of_another_key = log_.entry(1);
  of_another_key.replace(27, 8, "another_");
  promise->has(of_another_key);
  const Promised kept = promise->verdict();
  EXPECT_THAT(kept.missing, IsEmpty());
  EXPECT_EQ(kept.events, 2);
  EXPECT_EQ(kept.place, "_system");
  EXPECT_EQ(kept.state, "stored");
  EXPECT_EQ(kept.at, kNow);
}

TEST_F(PromiseTest, IsNoneThatTheKeyHasNotSigned) {
  Answer answer = answer_;
  answer.seed = 't';
  EXPECT_EQ(refusal(log_, answer.text()), "it is not signed by the log's key");
  answer = answer_;
  answer.form = "storagepool.dev/receipt/v2";
  EXPECT_EQ(refusal(log_, answer.text()), "what is signed is no receipt");
  answer = answer_;
  answer.origin = "another";
  EXPECT_EQ(refusal(log_, answer.text()), "it is of another log");
  EXPECT_EQ(refusal(log_, answer_.text(), "team-a"), "it is of _system");
  answer = answer_;
  answer.place = "team-a";
  EXPECT_EQ(refusal(log_, answer.text(), "team-a"), "");
}

TEST_F(PromiseTest, IsNoneOfOtherEntriesThanWereSigned) {
  const std::string good = answer_.text();
  EXPECT_EQ(refusal(log_, good), "");
  EXPECT_EQ(refusal(log_, replaced(good, "\"index\":1", "\"index\":0")),
            "its entries are not what was signed");
  Json other = Json::parse(good);
  other["receipt"]["entries"].erase(0);
  EXPECT_EQ(refusal(log_, other.dump()), "its entries are not what was signed");
  other["receipt"]["entries"] = {"AAAA"};
  EXPECT_EQ(refusal(log_, other.dump()), "it has an entry that is none");
  other["receipt"]["entries"] = Json::array();
  EXPECT_EQ(refusal(log_, other.dump()), "it has no entry");
  other = Json::parse(good);
  other["receipt"]["path"] = {1};
  EXPECT_EQ(refusal(log_, other.dump()), "its path cannot be read");
  for (const char* bad : {"", "[]", "{}", "{\"receipt\":1}", "no json"})
    EXPECT_EQ(refusal(log_, bad), "the answer has none") << bad;
  EXPECT_NE(refusal(log_, "{\"receipt\":{}}"), "");
}

class VerifyReceiptCommand : public PromiseTest {
 protected:
  Said verify(const std::string& content, const std::string& answer, Words more = {}) {
    std::ofstream(folder_ / "file", std::ios::binary) << content;
    std::ofstream(folder_ / "answer", std::ios::binary) << answer;
    Words words{"events",    "verify",          folder_ / "file", "--key", log_.key().public_text(),
                "--receipt", folder_ / "answer"};
    words.insert(words.end(), more.begin(), more.end());
    return run_recorded(recording_, words);
  }
  std::string exported() { return log_.line(0) + "\n" + log_.line(1) + "\n" + last_line(2, 2) + "\n"; }

  runtime::testing::TemporaryFolder folder_;
  Recording recording_;
};

TEST_F(VerifyReceiptCommand, SaysWhetherTheEventsArePresent) {
  const Said kept = verify(exported(), answer_.text());
  EXPECT_EQ(kept.exit_code, kGood) << kept.out;
  EXPECT_THAT(kept.out,
              HasSubstr("Promised: 2 events of the receipt, stored in _system at " + std::string(kNow) +
                        "; 2 of them are proven here just as they were promised.\n"));
  const Said one = verify(exported(), broken());
  EXPECT_EQ(one.exit_code, kBad);
  EXPECT_THAT(one.out, HasSubstr("; 1 of them are proven here just as they were promised.\n"
                                 "  not proven: event 65656565-6565-6565-6565-656565656565\n"));
  const Json told = Json::parse(verify(exported(), broken(), {"-o", "json"}).out);
  EXPECT_EQ(told["receipt"]["events"], 2);
  EXPECT_EQ(told["receipt"]["missing"].size(), 1U);
}

TEST_F(VerifyReceiptCommand, SaysWhatIsNoReceipt) {
  const Said none = verify(exported(), "{}");
  EXPECT_EQ(none.exit_code, kBad);
  EXPECT_THAT(none.out, HasSubstr("WRONG: the receipt: the answer has none.\n"));
  EXPECT_EQ(Json::parse(verify(exported(), "{}", {"-o", "json"}).out)["wrong_receipt"],
            "the answer has none");
}

TEST_F(VerifyReceiptCommand, TakesOneProofToo) {
  Answer of_one = answer_;
  of_one.entries.pop_back();
  const Said kept = verify(log_.proof(0), of_one.text());
  EXPECT_EQ(kept.exit_code, kGood) << kept.err;
  EXPECT_THAT(kept.err, HasSubstr("Promised: 1 event of the receipt"));
  EXPECT_EQ(verify(log_.proof(1), of_one.text()).exit_code, kBad) << "of another event";
}

TEST_F(VerifyReceiptCommand, CannotFindOutWithoutTheFile) {
  Words words{"events",    "verify",        folder_ / "none", "--key", log_.key().public_text(),
              "--receipt", folder_ / "none"};
  EXPECT_EQ(run_recorded(recording_, words).exit_code, kError);
}

}  // namespace
}  // namespace storagepool::cli
