#include "operator/sizing/server_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::sizing {
namespace {

using ::testing::ElementsAre;

TEST(ServerNamesTest, ANameThatNobodyTellsOfIsAServerOfItsOwn) {
  EXPECT_THAT(ServerNames().same("a:5432"), ElementsAre("a:5432"));
}

TEST(ServerNamesTest, NamesOfOneIdentifierAreOneServerAlsoByWayOfAThird) {
  ServerNames names;
  names.tell("a:5432", "1");
  names.tell("b:5432", "1");
  names.tell("b:5432", "2");  // another server has taken its place
  names.tell("c:5432", "2");
  names.tell("d:5432", "3");
  EXPECT_THAT(names.same("a:5432"), ElementsAre("a:5432", "b:5432", "c:5432"));
  EXPECT_EQ(names.same("c:5432"), names.same("a:5432"));
  EXPECT_THAT(names.same("d:5432"), ElementsAre("d:5432"));
}

TEST(ServerNamesTest, TheyPartWhenTheLastThatToldItTakesItBack) {
  ServerNames names;
  names.tell("a:5432", "1");
  names.tell("b:5432", "1");
  names.tell("b:5432", "1");
  names.take_back("b:5432", "1");
  EXPECT_THAT(names.same("a:5432"), ElementsAre("a:5432", "b:5432"));
  names.take_back("b:5432", "1");
  EXPECT_THAT(names.same("a:5432"), ElementsAre("a:5432"));
  names.tell("b:5432", "1");
  EXPECT_THAT(names.same("b:5432"), ElementsAre("a:5432", "b:5432"));
}

TEST(ServerNamesTest, WithoutANameOrAnIdentifierNothingIsTold) {
  ServerNames names;
  names.tell("", "1");
  names.tell("a:5432", "1");
  names.tell("b:5432", "");
  names.take_back("", "1");
  names.take_back("b:5432", "");
  EXPECT_THAT(names.same("a:5432"), ElementsAre("a:5432"));
  EXPECT_THAT(names.same("b:5432"), ElementsAre("b:5432"));
}

}  // namespace
}  // namespace storagepool::sizing
