#include "pool/postgres/diagnosis.h"

#include <string>

#include <gtest/gtest.h>

namespace storagepool::postgres {
namespace {

ConnectOptions options() {
  ConnectOptions to;
  to.host = "db";
  to.database = "tenant";
  to.user = "app";
  to.password = "secret";
  return to;
}

std::string report(const std::string& severity_and_code, const std::string& message,
                   const std::string& location) {
  return "connection to server at \"db\" (10.0.0.1), port 5432 failed: " + severity_and_code + ": " +
         message + "\nLOCATION:  " + location + "\n";
}

Error of(const std::string& text) {
  return diagnose(options(), text, CONNECTION_AWAITING_RESPONSE);
}

TEST(Diagnosis, AFaultOfTheServerNamesNoDatabase) {
  for (const auto& [code, location] :
       {std::pair{"28P01", "auth_failed, auth.c:335"},
        std::pair{"57P03", "ProcessStartupPacket, postmaster.c:2357"},
        std::pair{"53300", "InitProcess, proc.c:355"},
        std::pair{"53300", "InitializeSessionUserId, miscinit.c:743"},
        std::pair{"28000", "InitializeSessionUserId, miscinit.c:727"}, std::pair{"XX000", "x, y.c:1"}}) {
    const Error error =
        of(report("FATAL:  " + std::string(code), "whatever it says of \"tenant\"", location));
    EXPECT_EQ(error.sqlstate, code);
    EXPECT_FALSE(error.database_only) << code << location;
    EXPECT_EQ(error.detail.find("tenant"), std::string::npos) << error.detail;
    EXPECT_TRUE(error.outside_statement);
  }
}

TEST(Diagnosis, AFaultOfADatabaseConcernsItAlone) {
  for (const auto& [code, location] : {std::pair{"3D000", "InitPostgres, postinit.c:905"},
                                       std::pair{"53300", "CheckMyDatabase, postinit.c:412"},
                                       std::pair{"28000", "ClientAuthentication, auth.c:544"},
                                       std::pair{"42501", "CheckMyDatabase, postinit.c:396"},
                                       std::pair{"P0001", "exec_stmt_raise, pl_exec.c:3907"}}) {
    const Error error = of(report("FATAL:  " + std::string(code), "no", location));
    EXPECT_EQ(error.sqlstate, code);
    EXPECT_TRUE(error.database_only) << code << location;
    EXPECT_NE(error.detail.find("db:5432/tenant"), std::string::npos) << error.detail;
  }
}

TEST(Diagnosis, ReadsTheReportInAnyLanguage) {
  const Error error = of(report("ВАЖНО:  53300", "слишком много", "CheckMyDatabase, postinit.c:412"));
  EXPECT_EQ(error.error_class, ErrorClass::kServerFull);
  EXPECT_TRUE(error.database_only);
}

TEST(Diagnosis, WhatAMessageQuotesIsNoLocationAndNoCode) {
  const Error error = of(
      report("FATAL:  53300", "role \"x:  28P01: LOCATION:  CheckMyDatabase, \"", "InitProcess, proc.c:355"));
  EXPECT_EQ(error.sqlstate, "53300");
  EXPECT_FALSE(error.database_only);
  EXPECT_EQ(of("FATAL:  too many").sqlstate, "");
  EXPECT_EQ(of("").error_class, ErrorClass::kUnreachable);
}

TEST(Diagnosis, OnlyAnotherServerMayDoBetter) {
  for (const auto error_class : {ErrorClass::kUnreachable, ErrorClass::kReadOnly, ErrorClass::kServerFull})
    EXPECT_TRUE(another_address_may_do({.error_class = error_class}));
  for (const auto error_class :
       {ErrorClass::kCredentialsRejected, ErrorClass::kDatabaseMissing, ErrorClass::kTls})
    EXPECT_FALSE(another_address_may_do({.error_class = error_class}));
}

}  // namespace
}  // namespace storagepool::postgres
