#include "pool/postgres/disposition.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace storagepool::postgres {
namespace {

using Cause = Disposition::Cause;

Error with(const std::string& sqlstate) {
  return {classify(sqlstate), sqlstate, "", ""};
}

Error without_sqlstate(ErrorClass error_class) {
  return {error_class, "", "", ""};
}

void expect(const std::vector<std::string>& sqlstates, const Disposition& expected) {
  for (const std::string& sqlstate : sqlstates)
    EXPECT_EQ(disposition_of(with(sqlstate)), expected) << sqlstate;
}

TEST(Disposition, ValuesAndConstraintsAreTheRowsFault) {
  expect({"22P02", "22021", "22P05", "22003", "22023", "22000", "23502", "23503", "23505", "23P01", "23000"},
         {.cause = Cause::kRow});
  expect({"P0001", "P0004"}, {.cause = Cause::kRow});  // a trigger says no
  expect({"54001"}, {.cause = Cause::kRow});
}

TEST(Disposition, ACheckWithANameIsTheRowsAndAPartitionsIsNot) {
  Error error = with("23514");
  EXPECT_EQ(disposition_of(error), (Disposition{.cause = Cause::kPassing, .repeat = true}));
  error.constraint = "n_is_positive";
  EXPECT_EQ(disposition_of(error), (Disposition{.cause = Cause::kRow}));
}

TEST(Disposition, ALostConnectionIsTriedOnAnother) {
  const Disposition elsewhere{.cause = Cause::kPassing, .retire = true, .repeat = true};
  expect({"08000", "08003", "08006", "08P01", "57P01", "57P02", "57P03", "57P04", "57P05", "26000", "25P03",
          "25P04"},
         elsewhere);
  EXPECT_EQ(disposition_of(without_sqlstate(ErrorClass::kConnectionLost)), elsewhere);
}

TEST(Disposition, WhatTheServerCouldNotSerialiseIsRepeated) {
  expect({"40000", "40001", "40003", "40P01", "72000"}, {.cause = Cause::kPassing, .repeat = true});
}

TEST(Disposition, WhatPassesIsAwaited) {
  expect({"53200", "53300", "55006", "55P03", "57014"}, {.cause = Cause::kPassing});
  for (const auto error_class : {ErrorClass::kUnreachable, ErrorClass::kServerFull, ErrorClass::kOther})
    EXPECT_EQ(disposition_of(without_sqlstate(error_class)), (Disposition{.cause = Cause::kPassing}));
  EXPECT_EQ(disposition_of(without_sqlstate(ErrorClass::kTimeout)),
            (Disposition{.cause = Cause::kPassing, .retire = true}));
}

TEST(Disposition, WhatOnlyAPersonCanMendIsAwaitedAndTold) {
  expect({"28P01", "28000", "3D000", "3F000", "42501", "42P01", "42703", "42601", "42883",  // not as migrated
          "0L000", "20000", "21000", "25001", "25P02", "2F000", "38000", "39000", "44000",
          "F0000", "HV000", "53000", "53100", "53400",  // full
          "54000", "54011", "54023",                    // wraparound stop; the columns and indexes of others
          "55000", "55P02", "55P04", "57000",           // not in the state that it takes
          "58000", "58030", "58P01", "58P02",           // disk
          "P0000", "P0002", "P0003",                    // a trigger fails by itself
          "ZZ999", "00000", "1"},
         {.cause = Cause::kPerson});
  for (const auto error_class : {ErrorClass::kTls, ErrorClass::kCredentialsMissing,
                                 ErrorClass::kCredentialsRejected, ErrorClass::kDatabaseMissing})
    EXPECT_EQ(disposition_of(without_sqlstate(error_class)), (Disposition{.cause = Cause::kPerson}));
}

TEST(Disposition, ASessionThatCannotWriteOrIsNotOursIsRetired) {
  expect({"25006", "42P05", "0A000"}, {.cause = Cause::kPerson, .retire = true, .repeat = true});
  expect({"XX000", "XX001", "XX002"}, {.cause = Cause::kPerson, .retire = true});
}

TEST(Disposition, WhatASessionNeedsForItselfIsNeverTheRowsFault) {
  for (const char* sqlstate : {"22023", "P0001", "54001", "23514"}) {
    Error error = with(sqlstate);
    error.outside_statement = true;
    EXPECT_NE(disposition_of(error).cause, Cause::kRow) << sqlstate;
  }
}

}  // namespace
}  // namespace storagepool::postgres
