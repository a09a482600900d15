#include "operator/cli/commands/log/signed_export.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/cli/commands/command.h"
#include "operator/cli/testing/recorded.h"
#include "pool/common/encoding/encoding.h"
#include "pool/common/encoding/sha256.h"
#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::cli {
namespace {

using ::testing::HasSubstr;
using namespace testing;

class SignedExportTest : public ::testing::Test {
 protected:
  // As the API answers it (docs/evidence.md).
  std::string exported(const std::string& events, int total) const { return exported(key_, events, total); }
  static std::string exported(const tlog::NoteKey& key, const std::string& events, int total) {
    const std::string filters = R"({"correlation_id":"r \u00e9","offset":0,"limit":1000})";
    const auto digest = encoding::sha256(events);
    const std::string text =
        "storagepool.dev/export/v1\n" + key.name() + "\n2026-02-28T11:22:33Z\n" + std::to_string(total) +
        "\n" + encoding::encode_base64({reinterpret_cast<const char*>(digest.data()), digest.size()}) + "\n" +
        filters + "\n";
    const std::string signature = encoding::encode_base64(key.sign(text, {}).bytes);
    tlog::Note note{.text = tlog::Checkpoint{.origin = key.name(), .size = 2}.write()};
    note.signatures.push_back(key.sign(note.text, {}));
    return R"({"export_metadata":{"export_timestamp":"2026-02-28T11:22:33Z","export_format":"json","query_filters":)" +
           filters + R"(,"total_events":)" + std::to_string(total) + R"(,"signature":")" + signature +
           R"(","exported_by":"auditor"},"events":)" + events +
           R"(,"hash_chain_verification":{},"checkpoint":)" + Json(note.write()).dump() + "}";
  }
  std::string whole() const { return exported(R"([{"a":1.50, "b":"]}"},{"a":2}])", 2); }
  static std::string without(const std::string& text, const std::string& part,
                             const std::string& other = "") {
    std::string changed = text;
    return changed.replace(changed.find(part), part.size(), other);
  }
  std::string refusal(const std::string& text) const {
    TrustedLog log(key_);
    const auto verified = verify_signed_export(log, text);
    return verified ? "verified" : verified.error();
  }

  const tlog::NoteKey key_ =
      *tlog::NoteKey::of_seed(tlog::KeyKind::kLog, "log.example/audit", std::string(tlog::kSeedBytes, 's'));
};

TEST_F(SignedExportTest, IsVerifiedAsItStands) {
  EXPECT_TRUE(is_signed_export(whole()));
  TrustedLog log(key_);
  const auto verified = verify_signed_export(log, whole());
  ASSERT_TRUE(verified) << verified.error();
  EXPECT_EQ(verified->events, 2);
  EXPECT_EQ(verified->exported_at, "2026-02-28T11:22:33Z");
  EXPECT_THAT(report(*verified, key_.name()), HasSubstr("exported these 2 events at 2026-02-28T11:22:33Z"));
  EXPECT_TRUE(verify_signed_export(log, exported("[]", 0)));
}

TEST_F(SignedExportTest, OfNothingElseItIsProof) {
  const char* const kAltered = "altered";
  EXPECT_THAT(refusal(without(whole(), "1.50", "1.5")), HasSubstr(kAltered));
  EXPECT_THAT(refusal(without(whole(), ", \"b\"", ",\"b\"")), HasSubstr(kAltered));
  EXPECT_THAT(refusal(without(whole(), ",{\"a\":2}")), HasSubstr(kAltered));
  EXPECT_THAT(refusal(without(whole(), "11:22:33Z", "11:22:34Z")), HasSubstr(kAltered));
  EXPECT_THAT(refusal(without(whole(), "\"offset\":0", "\"offset\":1")), HasSubstr(kAltered));
  EXPECT_THAT(refusal(without(whole(), "\"total_events\":2", "\"total_events\":3")), HasSubstr(kAltered));
  EXPECT_THAT(refusal(exported("[1]", 2)), HasSubstr("counts other events"));
  EXPECT_THAT(refusal(whole().substr(0, whole().size() - 30)), HasSubstr("cut off"));
  EXPECT_THAT(refusal(without(whole(), "\"signature\":\"", "\"signature\":\"!")), HasSubstr("signature"));
  EXPECT_THAT(refusal("{}"), HasSubstr("none"));
  const auto other = tlog::NoteKey::of_seed(tlog::KeyKind::kLog, "log.example/audit", std::string(32, 'x'));
  TrustedLog other_log(*other);
  EXPECT_FALSE(verify_signed_export(other_log, whole()));
}

TEST_F(SignedExportTest, OfAWorkspaceIsVerifiedByTheKeyOfTheDatabase) {
  const auto there = tlog::NoteKey::of_seed(tlog::KeyKind::kLog, "log.example/audit/ws/team-a/1a2b",
                                            std::string(tlog::kSeedBytes, 's'));
  const std::string text = exported(*there, R"([{"a":1}])", 1);
  TrustedLog log(key_, "team-a");
  ASSERT_TRUE(verify_signed_export(log, text));
  EXPECT_EQ(log.origin(), there->name());
  TrustedLog of_other(key_, "team-b");
  EXPECT_THAT(verify_signed_export(of_other, text).error(), HasSubstr("of another log"));
  TrustedLog of_database(key_);
  EXPECT_THAT(verify_signed_export(of_database, text).error(), HasSubstr("of another log"));
  TrustedLog again(key_, "team-a");
  EXPECT_THAT(verify_signed_export(again, without(text, "\"a\":1", "\"a\":2")).error(), HasSubstr("altered"));
  TrustedLog once_more(key_, "team-a");
  EXPECT_THAT(verify_signed_export(once_more, without(text, "checkpoint", "checked")).error(),
              HasSubstr("its checkpoint cannot be read"));
}

TEST_F(SignedExportTest, IsTakenByEventsVerify) {
  const runtime::testing::TemporaryFolder folder;
  Recording recording;
  const auto verify = [&](const std::string& content) {
    std::ofstream(folder / "file", std::ios::binary) << content;
    return run_recorded(recording, {"events", "verify", folder / "file", "--key", key_.public_text()});
  };
  const Said good = verify(whole());
  EXPECT_EQ(good.exit_code, kGood) << good.err;
  EXPECT_THAT(good.out, HasSubstr("Proven: "));
  EXPECT_EQ(verify(whole() + "\n").exit_code, kGood);
  const Said bad = verify(without(whole(), "1.50", "1.5"));
  EXPECT_EQ(bad.exit_code, kBad);
  EXPECT_THAT(bad.err, HasSubstr("not proven: "));
}

}  // namespace
}  // namespace storagepool::cli
