#include "pool/service/monitor/schema_mark.h"

#include <gtest/gtest.h>

#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::service {
namespace {

TEST(SchemaMark, IsKeptOnTheVolume) {
  const runtime::testing::TemporaryFolder folder;
  const std::string path = folder / "schema-seen";
  SchemaMark first(path);
  EXPECT_FALSE(first.seen());
  first.set();
  EXPECT_TRUE(first.seen());
  first.set();
  EXPECT_TRUE(SchemaMark(path).seen());
}

TEST(SchemaMark, IsKnownUntilTheEndWhereTheVolumeRefusesIt) {
  const runtime::testing::TemporaryFolder folder;
  const std::string path = folder / "no-such-folder/schema-seen";
  SchemaMark mark(path);
  mark.set();
  EXPECT_TRUE(mark.seen());
  EXPECT_FALSE(SchemaMark(path).seen());
}

}  // namespace
}  // namespace storagepool::service
