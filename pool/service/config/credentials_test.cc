#include "pool/service/config/credentials.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::service {
namespace {

using postgres::ErrorClass;
using testing::HasSubstr;
using testing::Not;

class CredentialsTest : public ::testing::Test {
 protected:
  CredentialsTest() {
    write("username", "app");
    write("password", "p4ss w\xC3\xB6rd'\\");
  }

  void write(const std::string& file, const std::string& contents) const {
    std::ofstream(folder_ / file, std::ios::binary) << contents;
  }
  tl::expected<postgres::ConnectOptions, postgres::Error> read(
      settings::SslMode mode = settings::SslMode::kRequire) {
    settings::Settings settings;
    settings.statement_timeout = std::chrono::seconds{7};
    settings.lock_timeout = std::chrono::seconds{3};
    settings.statement_cache_size = 11;
    return read_connect_options({folder_.path().string(), (folder_ / "ca.crt").string()},
                                {"db", 5433, "audit", mode}, settings);
  }
  std::string refusal(settings::SslMode mode = settings::SslMode::kRequire) {
    const auto options = read(mode);
    return options ? "accepted" : options.error().detail;
  }
  runtime::testing::TemporaryFolder folder_;
};

TEST_F(CredentialsTest, ReadsTargetCredentialsAndLimits) {
  const auto options = read();
  ASSERT_TRUE(options);
  EXPECT_EQ(options->host, "db");
  EXPECT_EQ(options->port, 5433);
  EXPECT_EQ(options->database, "audit");
  EXPECT_EQ(options->user, "app");
  EXPECT_EQ(options->password, "p4ss w\xC3\xB6rd'\\");
  EXPECT_EQ(options->ssl_mode, postgres::SslMode::kRequire);
  EXPECT_EQ(options->statement_timeout, std::chrono::seconds{7});
  EXPECT_EQ(options->lock_timeout, std::chrono::seconds{3});
  EXPECT_EQ(options->statement_cache_size, 11U);
}

TEST_F(CredentialsTest, TakesOneLineEndingForTheEditorS) {
  write("password", "secret\r\n");
  EXPECT_EQ(read()->password, "secret");
  write("password", "secret \n");
  EXPECT_EQ(read()->password, "secret ");
}

TEST_F(CredentialsTest, NamesTheKeyAndNeverTheContents) {
  for (const std::string& bad : {std::string(), std::string("\n"), std::string("s3cret\nline"),
                                 std::string("s3cret\0", 7), "s3cret" + std::string(5000, 'x')}) {
    write("password", bad);
    EXPECT_EQ(read().error().error_class, ErrorClass::kCredentialsMissing);
    EXPECT_THAT(refusal(), HasSubstr("key password"));
    EXPECT_THAT(refusal(), Not(HasSubstr("s3cret")));
  }
  std::filesystem::remove(folder_ / "username");
  EXPECT_THAT(refusal(), HasSubstr("key username cannot be read"));
}

TEST_F(CredentialsTest, WantsTheCaOnlyWhereItIsVerified) {
  for (const auto mode : {settings::SslMode::kVerifyCa, settings::SslMode::kVerifyFull}) {
    EXPECT_EQ(read(mode).error().error_class, ErrorClass::kTls);
    EXPECT_THAT(refusal(mode), HasSubstr("the CA cannot be read"));
  }
  EXPECT_EQ(read(settings::SslMode::kDisable)->ca_file, "");
  write("ca.crt", "PEM");
  EXPECT_EQ(read(settings::SslMode::kVerifyFull)->ca_file, (folder_ / "ca.crt").string());
  EXPECT_EQ(read(settings::SslMode::kVerifyCa)->ssl_mode, postgres::SslMode::kVerifyCa);
}

}  // namespace
}  // namespace storagepool::service
