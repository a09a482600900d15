#include "pool/service/tls_files.h"

#include <fstream>

#include <gmock/gmock.h>

#include "pool/common/http/testing/tls.h"
#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::service {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class TlsFilesTest : public ::testing::Test {
 protected:
  void mount(const http::TlsMaterial& material) const {
    write("tls.crt", material.certificate);
    write("tls.key", material.key);
  }
  void write(const char* name, const std::string& text) const { std::ofstream(folder_ / name) << text; }

  runtime::testing::TemporaryFolder folder_;
  http::testing::Authority authority_;
  TlsFiles files_{folder_.path().string(), ""};
};

TEST_F(TlsFilesTest, WhatIsMountedComesIntoForceOnce) {
  mount(authority_.server());
  EXPECT_TRUE(files_.look());
  EXPECT_FALSE(files_.look());
  EXPECT_TRUE(files_.serves());
  EXPECT_EQ(files_.refusal(), "");
  mount(authority_.server());
  EXPECT_TRUE(files_.look());
}

TEST_F(TlsFilesTest, ABadPairLeavesTheOldOneInForce) {
  mount(authority_.server());
  EXPECT_TRUE(files_.look());
  write("tls.key", authority_.server().key);
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(files_.look());
    EXPECT_THAT(files_.refusal(), StartsWith("the key is not the certificate's"));
    EXPECT_TRUE(files_.serves());
  }
  std::filesystem::remove(folder_ / "tls.crt");
  EXPECT_FALSE(files_.look());
  EXPECT_THAT(files_.refusal(), HasSubstr("tls.crt"));
  mount(authority_.server());
  EXPECT_TRUE(files_.look());
  EXPECT_EQ(files_.refusal(), "");
}

TEST_F(TlsFilesTest, WithoutAPairThereIsNothingToServeWith) {
  EXPECT_FALSE(files_.look());
  EXPECT_FALSE(files_.serves());
  EXPECT_THAT(files_.refusal(), HasSubstr("tls.crt"));
}

TEST_F(TlsFilesTest, TheClientsAuthorityIsPartOfIt) {
  TlsFiles with_clients(folder_.path().string(), (folder_ / "ca.crt").string());
  mount(authority_.server());
  EXPECT_FALSE(with_clients.look());
  EXPECT_THAT(with_clients.refusal(), HasSubstr("ca.crt"));
  write("ca.crt", authority_.certificate());
  EXPECT_TRUE(with_clients.look());
  write("ca.crt", http::testing::Authority().certificate());
  EXPECT_TRUE(with_clients.look());
}

}  // namespace
}  // namespace storagepool::service
