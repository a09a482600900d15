#include "pool/common/runtime/check.h"

#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace storagepool::check {
namespace {

using ::testing::ElementsAre;

std::vector<std::string>& reports() {
  static std::vector<std::string> instance;
  return instance;
}

void keep(const Violation& violation) {
  std::string text = std::string(violation.what) + " x" + std::to_string(violation.times);
  for (const Fact& fact : violation.facts)
    text += " " + std::string(fact.name) + "=" + std::to_string(fact.value);
  reports().push_back(text);
}

class CheckTest : public ::testing::Test {
 protected:
  CheckTest() {
    reports().clear();
    report_to(&keep);
  }
  ~CheckTest() override { report_to(nullptr); }
};

TEST_F(CheckTest, AnExpectationThatHoldsReportsNothingAndEvaluatesNoFact) {
  int asked = 0;
  const auto before = violations();
  EXPECT_TRUE(STORAGEPOOL_EXPECT(1 < 2, "order", {"asked", ++asked}));
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(violations(), before);
  EXPECT_TRUE(reports().empty());
}

TEST_F(CheckTest, AViolatedExpectationIsFalseCountedAndReportedWithItsFacts) {
  static std::uint32_t times = 0;  // at this place: the test may be repeated
  ++times;
  const auto before = violations();
  EXPECT_FALSE(STORAGEPOOL_EXPECT(2 < 1, "order", {"left", 2}, {"right", 1}));
  EXPECT_EQ(violations(), before + 1);
  if (!std::has_single_bit(times)) return;
  EXPECT_THAT(reports(), ElementsAre("order x" + std::to_string(times) + " left=2 right=1"));
}

TEST_F(CheckTest, OfOnePlaceEveryViolationIsCountedAndFewAreReported) {
  const auto before = violations();
  Site place{__FILE__, __LINE__};
  for (int i = 0; i < 1000; ++i) violated(place, "again", {});
  EXPECT_EQ(violations(), before + 1000);
  EXPECT_EQ(reports().size(), 10);  // 1, 2, 4, … 512
}

TEST(CheckDeathTest, AnInvariantThatIsViolatedEndsTheProgramAndSaysWhy) {
  EXPECT_DEATH(
      STORAGEPOOL_INVARIANT(26 <= 25, "more sockets than the limit", {"sockets", 26}, {"limit", 25}),
      R"("message":"more sockets than the limit".*check_test.cc.*"fatal":true.*"sockets":26,"limit":25)");
}

TEST(CheckDeathTest, AnInvariantThatHoldsCostsNothingElse) {
  STORAGEPOOL_INVARIANT(25 <= 25, "more sockets than the limit");
}

}  // namespace
}  // namespace storagepool::check
