// The tests of the full audit find every fault that is planted in it.
#include "pool/common/test_main/found.h"

namespace storagepool::evidence {
namespace {

using storagepool::testing::Fault;

TEST(AuditingMutants, NoFaultIsFoundWhereNoneIsPlanted) {
  EXPECT_EQ(storagepool::testing::run_unplanted(), 0);
}

class AuditingMutantsTest : public ::testing::TestWithParam<Fault> {};

TEST_P(AuditingMutantsTest, IsFound) {
  ASSERT_NE(GetParam().tests, "");
  EXPECT_EQ(storagepool::testing::run_planted(GetParam().name, GetParam().tests), 1)
      << "survives, or ended the tests otherwise";
}

INSTANTIATE_TEST_SUITE_P(Planted, AuditingMutantsTest, ::testing::ValuesIn(storagepool::testing::faults()),
                         storagepool::testing::name_of);

}  // namespace
}  // namespace storagepool::evidence
