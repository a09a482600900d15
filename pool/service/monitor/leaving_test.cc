#include "pool/service/monitor/leaving.h"

#include <gtest/gtest.h>

#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::service {
namespace {

using namespace std::chrono_literals;

constexpr runtime::TimePoint kToldAt{1h};

TEST(Leaving, EndsWithItsDelayHoweverOftenItIsTold) {
  const runtime::testing::TemporaryFolder folder;
  Leaving leaving(folder / "leaving", "pod", 5s);
  EXPECT_FALSE(leaving.told());
  EXPECT_FALSE(leaving.left(kToldAt));
  leaving.tell(true, kToldAt);
  leaving.tell(true, kToldAt + 4s);
  EXPECT_TRUE(leaving.told());
  EXPECT_FALSE(leaving.left(kToldAt + 4999ms));
  EXPECT_TRUE(leaving.left(kToldAt + 5s));
  leaving.tell(false, kToldAt + 5s);
  EXPECT_FALSE(leaving.told());
  EXPECT_FALSE(leaving.left(kToldAt + 1h));
  leaving.tell(true, kToldAt + 1h);
  EXPECT_FALSE(leaving.left(kToldAt + 1h + 4s)) << "a new delay";
}

TEST(Leaving, OutlastsTheContainerAndNotThePod) {
  const runtime::testing::TemporaryFolder folder;
  const std::string path = folder / "leaving";
  Leaving(path, "pod", 5s).tell(true, kToldAt);
  Leaving again(path, "pod", 5s);
  EXPECT_TRUE(again.told());
  EXPECT_TRUE(again.left(kToldAt)) << "nothing leads to it any more";
  EXPECT_FALSE(Leaving(path, "another", 5s).told());
  again.tell(false, kToldAt);
  EXPECT_FALSE(Leaving(path, "pod", 5s).told());
}

TEST(Leaving, IsKnownUntilTheEndWhereTheVolumeRefusesIt) {
  const runtime::testing::TemporaryFolder folder;
  const std::string path = folder / "no-such-folder/leaving";
  Leaving leaving(path, "pod", 0s);
  leaving.tell(true, kToldAt);
  EXPECT_TRUE(leaving.left(kToldAt));
  leaving.tell(false, kToldAt);
  EXPECT_FALSE(leaving.told());
}

}  // namespace
}  // namespace storagepool::service
