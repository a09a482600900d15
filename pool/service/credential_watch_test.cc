#include "pool/service/credential_watch.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace storagepool::service {
namespace {

namespace fs = std::filesystem;

// A mounted Secret: files that are links through `..data`, which the kubelet swaps.
class CredentialWatchTest : public ::testing::Test {
 protected:
  CredentialWatchTest() {
    std::string path = (fs::temp_directory_path() / "storagepool-watch-XXXXXX").string();
    folder_ = mkdtemp(path.data());
    for (const char* file : {"username", "password", "ca.crt"}) {
      fs::create_symlink(fs::path("..data") / file, folder_ / file);
    }
    mount("app", "first", "CA 1");
  }
  ~CredentialWatchTest() override { fs::remove_all(folder_); }

  void mount(const std::string& user, const std::string& password, const std::string& ca) {
    const fs::path fresh = "..version" + std::to_string(++version_);
    fs::create_directory(folder_ / fresh);
    std::ofstream(folder_ / fresh / "username") << user << "\n";
    std::ofstream(folder_ / fresh / "password") << password << "\n";
    std::ofstream(folder_ / fresh / "ca.crt") << ca;
    fs::create_symlink(fresh, folder_ / "..data_tmp");
    fs::rename(folder_ / "..data_tmp", folder_ / "..data");
  }
  CredentialWatch watch(settings::SslMode mode = settings::SslMode::kRequire) const {
    return {{folder_.string(), (folder_ / "ca.crt").string()}, mode};
  }

  fs::path folder_;
  int version_ = 0;
};

TEST_F(CredentialWatchTest, tells_each_change_once) {
  CredentialWatch watched = watch();
  EXPECT_FALSE(watched.changed());
  mount("app", "second", "CA 1");
  EXPECT_TRUE(watched.changed());
  EXPECT_FALSE(watched.changed());
  mount("other", "second", "CA 1");
  EXPECT_TRUE(watched.changed());
  EXPECT_FALSE(watched.changed());
}

TEST_F(CredentialWatchTest, a_new_version_with_the_same_contents_is_no_change) {
  CredentialWatch watched = watch();
  mount("app", "first", "CA 1");
  EXPECT_FALSE(watched.changed());
}

TEST_F(CredentialWatchTest, the_ca_counts_where_it_is_used) {
  CredentialWatch without = watch();
  CredentialWatch with = watch(settings::SslMode::kVerifyFull);
  mount("app", "first", "CA 2");
  EXPECT_FALSE(without.changed());
  EXPECT_TRUE(with.changed());
}

TEST_F(CredentialWatchTest, an_unreadable_secret_is_no_change_but_what_follows_may_be_one) {
  CredentialWatch watched = watch();
  fs::remove(folder_ / "..data");
  EXPECT_FALSE(watched.changed());
  mount("app", "first", "CA 1");
  EXPECT_FALSE(watched.changed());
  mount("app", "", "CA 1");
  EXPECT_FALSE(watched.changed());
  mount("app", "third", "CA 1");
  EXPECT_TRUE(watched.changed());
}

TEST_F(CredentialWatchTest, a_secret_that_appears_is_a_change) {
  fs::remove(folder_ / "..data");
  CredentialWatch watched = watch();
  mount("app", "first", "CA 1");
  EXPECT_TRUE(watched.changed());
}

}  // namespace
}  // namespace storagepool::service
