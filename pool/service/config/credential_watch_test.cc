#include "pool/service/config/credential_watch.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "pool/auth/testing/mounted_folder.h"

namespace storagepool::service {
namespace {

using auth::testing::MountedFolder;

class CredentialWatchTest : public ::testing::Test {
 protected:
  static MountedFolder::Files secret(const std::string& user, const std::string& password,
                                     const std::string& ca) {
    return {{"username", user + "\n"}, {"password", password + "\n"}, {"ca.crt", ca}};
  }
  void mount(const std::string& user, const std::string& password, const std::string& ca) {
    folder_.mount(secret(user, password, ca));
  }
  void unmount() const { std::filesystem::remove(folder_.path("..data")); }
  CredentialWatch watch(settings::SslMode mode = settings::SslMode::kRequire) const {
    return {{folder_.path(), folder_.path("ca.crt")}, mode};
  }

  MountedFolder folder_{secret("app", "first", "CA 1")};
};

TEST_F(CredentialWatchTest, TellsEachChangeOnce) {
  CredentialWatch watched = watch();
  EXPECT_FALSE(watched.changed());
  mount("app", "second", "CA 1");
  EXPECT_TRUE(watched.changed());
  EXPECT_FALSE(watched.changed());
  mount("other", "second", "CA 1");
  EXPECT_TRUE(watched.changed());
  EXPECT_FALSE(watched.changed());
}

TEST_F(CredentialWatchTest, ANewVersionWithTheSameContentsIsNoChange) {
  CredentialWatch watched = watch();
  mount("app", "first", "CA 1");
  EXPECT_FALSE(watched.changed());
}

TEST_F(CredentialWatchTest, TheCaCountsWhereItIsUsed) {
  CredentialWatch without = watch();
  CredentialWatch with = watch(settings::SslMode::kVerifyFull);
  mount("app", "first", "CA 2");
  EXPECT_FALSE(without.changed());
  EXPECT_TRUE(with.changed());
}

TEST_F(CredentialWatchTest, AnUnreadableSecretIsNoChangeButWhatFollowsMayBeOne) {
  CredentialWatch watched = watch();
  unmount();
  EXPECT_FALSE(watched.changed());
  mount("app", "first", "CA 1");
  EXPECT_FALSE(watched.changed());
  mount("app", "", "CA 1");
  EXPECT_FALSE(watched.changed());
  mount("app", "third", "CA 1");
  EXPECT_TRUE(watched.changed());
}

TEST_F(CredentialWatchTest, ASecretThatAppearsIsAChange) {
  unmount();
  CredentialWatch watched = watch();
  mount("app", "first", "CA 1");
  EXPECT_TRUE(watched.changed());
}

}  // namespace
}  // namespace storagepool::service
