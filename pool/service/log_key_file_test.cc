#include "pool/service/log_key_file.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::service {
namespace {

const std::string kSeed = "abcdefghijklmnopqrstuvwxyz012345";

tlog::NoteKey key_of(const std::string& seed, tlog::KeyKind kind = tlog::KeyKind::kLog) {
  return *tlog::NoteKey::of_seed(kind, "storagepool.dev/payments/audit", seed);
}

class LogKeyFileTest : public ::testing::Test {
 protected:
  void mount(const std::string& text) const { std::ofstream(path_) << text; }

  runtime::testing::TemporaryFolder folder_;
  std::string path_ = (folder_ / "key").string();
  LogKeyFile file_{path_};
};

TEST_F(LogKeyFileTest, WhatIsMountedComesIntoForceOnce) {
  EXPECT_FALSE(file_.look());
  EXPECT_FALSE(file_.key());
  mount(key_of(kSeed).private_text() + "\n");
  EXPECT_TRUE(file_.look());
  EXPECT_FALSE(file_.look());
  ASSERT_TRUE(file_.key());
  EXPECT_EQ(file_.key()->signer.public_text(), key_of(kSeed).public_text());
  EXPECT_EQ(file_.key()->keys.mac, evidence::make_keys(kSeed).mac);
  const std::string other = kSeed.substr(1) + "x";
  mount(key_of(other).private_text());
  EXPECT_TRUE(file_.look());
  EXPECT_EQ(file_.key()->keys.tag, evidence::make_keys(other).tag);
}

TEST_F(LogKeyFileTest, WhatIsNotAKeyLeavesTheOldOneInForce) {
  mount(key_of(kSeed).private_text());
  ASSERT_TRUE(file_.look());
  for (const std::string& bad :
       {std::string(), key_of(kSeed).public_text(), key_of(kSeed, tlog::KeyKind::kWitness).private_text(),
        key_of(kSeed).private_text() + "x", std::string(10'000, 'x')}) {
    mount(bad);
    EXPECT_FALSE(file_.look()) << bad;
    EXPECT_EQ(file_.key()->signer.public_text(), key_of(kSeed).public_text());
  }
  std::filesystem::remove(path_);
  EXPECT_FALSE(file_.look());
  EXPECT_TRUE(file_.key());
}

}  // namespace
}  // namespace storagepool::service
