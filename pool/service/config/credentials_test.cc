#include "pool/service/config/credentials.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/runtime/files.h"
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
  tl::expected<Access, postgres::Error> read(settings::SslMode mode = settings::SslMode::kRequire) {
    return read_access({folder_.path().string(), (folder_ / "ca.crt").string()}, {"db", 5433, "audit", mode});
  }
  std::string refusal(settings::SslMode mode = settings::SslMode::kRequire) {
    const auto access = read(mode);
    return access ? "accepted" : access.error().detail;
  }
  runtime::testing::TemporaryFolder folder_;
};

TEST_F(CredentialsTest, ReadsTargetCredentialsAndLimits) {
  settings::Settings settings;
  settings.statement_timeout = std::chrono::seconds{7};
  settings.lock_timeout = std::chrono::seconds{3};
  settings.statement_cache_size = 11;
  CaFiles files;
  const auto access = read();
  ASSERT_TRUE(access);
  const postgres::ConnectOptions options = connect_options(*access, settings, files);
  EXPECT_EQ(options.host, "db");
  EXPECT_EQ(options.port, 5433);
  EXPECT_EQ(options.database, "audit");
  EXPECT_EQ(options.user, "app");
  EXPECT_EQ(options.password, "p4ss w\xC3\xB6rd'\\");
  EXPECT_EQ(options.ssl_mode, postgres::SslMode::kRequire);
  EXPECT_EQ(options.ca_file, "");
  EXPECT_EQ(options.statement_timeout, std::chrono::seconds{7});
  EXPECT_EQ(options.lock_timeout, std::chrono::seconds{3});
  EXPECT_EQ(options.statement_cache_size, 11U);
}

TEST_F(CredentialsTest, ACaStaysWhatItWasWhenAnotherIsMounted) {
  CaFiles files;
  const auto contents = [&](const Access& access) {
    return runtime::read_file(connect_options(access, {}, files).ca_file, kMaxCaBytes).value_or("none");
  };
  write("ca.crt", "first");
  const Access first = read(settings::SslMode::kVerifyFull).value();
  write("ca.crt", "second");
  const Access second = read(settings::SslMode::kVerifyFull).value();
  EXPECT_EQ(contents(second), "second");
  EXPECT_EQ(contents(first), "first");
  EXPECT_EQ(connect_options(first, {}, files).ca_file, connect_options(first, {}, files).ca_file);
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
  EXPECT_EQ(read(settings::SslMode::kDisable)->ca, "");
  write("ca.crt", "PEM");
  EXPECT_EQ(read(settings::SslMode::kVerifyFull)->ca, "PEM");
  EXPECT_EQ(read(settings::SslMode::kVerifyCa)->ca, "PEM");
  write("ca.crt", "");
  EXPECT_EQ(refusal(settings::SslMode::kVerifyCa), "the CA is empty");
}

}  // namespace
}  // namespace storagepool::service
