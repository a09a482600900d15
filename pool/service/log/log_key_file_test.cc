#include "pool/service/log/log_key_file.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::service {
namespace {

const std::string kSeed = "abcdefghijklmnopqrstuvwxyz012345";

tlog::NoteKey key_of(const std::string& seed, tlog::KeyKind kind = tlog::KeyKind::kLog) {
  return *tlog::NoteKey::of_seed(kind, "storagepool.dev/payments/audit", seed);
}

class KeyClock : public runtime::Clock {
 public:
  runtime::TimePoint now() const override { return now_; }
  runtime::Timestamp wall() const override { return {}; }
  void pass(std::chrono::seconds time) { now_ += time; }

 private:
  runtime::TimePoint now_{std::chrono::hours{1}};
};

class LogKeyFileTest : public ::testing::Test {
 protected:
  void mount(const std::string& text) const { std::ofstream(path_) << text; }

  runtime::testing::TemporaryFolder folder_;
  std::string path_ = (folder_ / "key").string();
  KeyClock clock_;
  LogKeyFile file_{path_, clock_};
};

TEST_F(LogKeyFileTest, WhatIsMountedComesIntoForceOnce) {
  EXPECT_FALSE(file_.look());
  EXPECT_FALSE(file_.key());
  EXPECT_NE(file_.refusal(), "");
  mount(key_of(kSeed).private_text() + "\n");
  EXPECT_TRUE(file_.look());
  EXPECT_FALSE(file_.look());
  EXPECT_EQ(file_.refusal(), "");
  ASSERT_TRUE(file_.key());
  EXPECT_EQ(file_.key()->signer.public_text(), key_of(kSeed).public_text());
  EXPECT_EQ(file_.key()->keys.mac, evidence::make_keys(kSeed).mac);
  const std::string other = kSeed.substr(1) + "x";
  mount(key_of(other).private_text());
  EXPECT_TRUE(file_.look());
  EXPECT_EQ(file_.key()->keys.tag, evidence::make_keys(other).tag);
}

TEST_F(LogKeyFileTest, AnotherKeyMakesWhatIsNewOnceEveryPodHasIt) {
  const tlog::NoteKey before = key_of(kSeed);
  const tlog::NoteKey next = key_of(kSeed.substr(1) + "x");
  const std::vector<std::string> both{before.public_text(), next.public_text()};
  mount(before.private_text());
  ASSERT_TRUE(file_.look());
  mount(next.private_text() + "\n" + before.private_text() + "\n");
  EXPECT_TRUE(file_.look());
  EXPECT_EQ(file_.key()->vkeys(), both) << "both sign";
  EXPECT_EQ(file_.key()->keys.mac, evidence::make_keys(kSeed).mac);
  ASSERT_EQ(file_.key()->keys.earlier.size(), 1U);
  clock_.pass(LogKeyFile::kTakenUp - std::chrono::seconds(1));
  EXPECT_FALSE(file_.look());
  clock_.pass(std::chrono::seconds(1));
  EXPECT_TRUE(file_.look());
  EXPECT_EQ(file_.key()->signer.public_text(), next.public_text());
  EXPECT_EQ(file_.key()->keys.mac, evidence::make_keys(next.seed()).mac);
  EXPECT_EQ(file_.key()->keys.earlier, (std::vector{evidence::make_keys(kSeed)}));
  // A pod that begins does not know how long it is there.
  LogKeyFile another(path_, clock_);
  EXPECT_TRUE(another.look());
  EXPECT_EQ(another.key()->vkeys(), both);
  mount(next.private_text());
  EXPECT_TRUE(file_.look());
  EXPECT_TRUE(file_.key()->keys.earlier.empty());
}

TEST_F(LogKeyFileTest, EachKeySignsUnderTheNameThatIsAskedFor) {
  mount(key_of(kSeed).private_text() + "\n" + key_of(kSeed.substr(1) + "x").private_text());
  ASSERT_TRUE(file_.look());
  const LogKey named = file_.key()->named("storagepool.dev/payments/audit/e2");
  tlog::Note note{.text = "text\n", .signatures = {}};
  named.sign(note);
  ASSERT_EQ(note.signatures.size(), 2U);
  for (const std::string& vkey : named.vkeys()) EXPECT_TRUE(tlog::NoteKey::read(vkey)->verify(note)) << vkey;
  EXPECT_EQ(named.keys, file_.key()->keys);
}

TEST_F(LogKeyFileTest, WhatIsNotAKeyLeavesTheOldOneInForce) {
  mount(key_of(kSeed).private_text());
  ASSERT_TRUE(file_.look());
  for (const std::string& bad :
       {std::string(), key_of(kSeed).public_text(), key_of(kSeed, tlog::KeyKind::kWitness).private_text(),
        key_of(kSeed).private_text() + "x", std::string(10'000, 'x'),
        key_of(kSeed).private_text() + "\n" + key_of(kSeed).private_text(),
        key_of(kSeed).private_text() + "\n\n",
        key_of(kSeed).private_text() + "\n" +
            tlog::NoteKey::of_seed(tlog::KeyKind::kLog, "another.example", kSeed)->private_text()}) {
    mount(bad);
    EXPECT_FALSE(file_.look()) << bad;
    EXPECT_NE(file_.refusal(), "");
    EXPECT_EQ(file_.refusal().find("PRIVATE+KEY+storage"), std::string::npos);
    EXPECT_EQ(file_.key()->signer.public_text(), key_of(kSeed).public_text());
  }
  std::filesystem::remove(path_);
  EXPECT_FALSE(file_.look());
  EXPECT_TRUE(file_.key());
}

}  // namespace
}  // namespace storagepool::service
