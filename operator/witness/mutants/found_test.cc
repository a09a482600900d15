// The tests of the witness find every fault that is planted in what it decides.
#include "pool/common/test_main/found.h"

namespace storagepool::witness {
namespace {

using storagepool::testing::Fault;

TEST(WitnessMutants, NoFaultIsFoundWhereNoneIsPlanted) {
  EXPECT_EQ(storagepool::testing::run_unplanted(), 0);
}

class WitnessMutantsTest : public ::testing::TestWithParam<Fault> {};

TEST_P(WitnessMutantsTest, IsFound) {
  ASSERT_NE(GetParam().tests, "");
  EXPECT_EQ(storagepool::testing::run_planted(GetParam().name, GetParam().tests), 1)
      << "survives, or ended the tests otherwise";
}

INSTANTIATE_TEST_SUITE_P(Planted, WitnessMutantsTest, ::testing::ValuesIn(storagepool::testing::faults()),
                         storagepool::testing::name_of);

}  // namespace
}  // namespace storagepool::witness
