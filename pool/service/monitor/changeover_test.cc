#include "pool/service/monitor/changeover.h"

#include <gtest/gtest.h>

namespace storagepool::service {
namespace {

using namespace std::chrono_literals;
using settings::PostgresFault;

const Changeover::TimePoint kStart{1h};

Mounted mounted_at(const std::string& host, const std::string& password = "right") {
  const settings::PostgresTarget target{.host = host, .database = "audit"};
  return {target, Access{.target = target, .user = "app", .password = password, .ca = ""}};
}
Mounted unreadable(const std::string& host) {
  const settings::PostgresTarget target{.host = host, .database = "audit"};
  return {target, tl::unexpected(postgres::Error{postgres::ErrorClass::kCredentialsMissing, "", "", "none"})};
}
Changeover::Outcome refused(postgres::ErrorClass why) {
  return tl::unexpected(postgres::Error{why, "", "", "connecting to db: no"});
}

settings::ServerFacts server_of_40() {
  settings::ServerFacts facts;
  facts.max_connections = 40;
  return facts;
}

class ChangeoverTest : public ::testing::Test {
 protected:
  // What is due now, tried with this outcome; false when nothing was due or nothing came in force.
  bool attempt(const Changeover::Outcome& outcome) {
    const auto due = changeover_.due(now_, serves_);
    EXPECT_TRUE(due);
    return due && changeover_.tried(now_, *due, outcome);
  }
  bool is_due() const { return changeover_.due(now_, serves_).has_value(); }
  std::string host() const { return changeover_.in_force().target.host; }

  Changeover::TimePoint now_ = kStart;
  bool serves_ = true;
  Changeover changeover_{mounted_at("db")};
};

TEST_F(ChangeoverTest, WhatWasNeverAdmittedIsReplacedAtOnce) {
  EXPECT_TRUE(changeover_.look(mounted_at("other"), {}));
  EXPECT_EQ(host(), "other");
  EXPECT_TRUE(changeover_.look(unreadable("other"), {})) << "so that the reason is told";
  EXPECT_TRUE(changeover_.look(mounted_at("other"), {}));
  EXPECT_FALSE(changeover_.look(mounted_at("other"), {}));
  EXPECT_FALSE(is_due());
}

TEST_F(ChangeoverTest, WhatWasAdmittedStaysUntilTheOtherIs) {
  changeover_.admitted();
  EXPECT_FALSE(changeover_.look(mounted_at("typo"), {}));
  EXPECT_EQ(changeover_.refusal(), "") << "not tried yet";
  EXPECT_FALSE(attempt(refused(postgres::ErrorClass::kUnreachable)));
  EXPECT_EQ(host(), "db");
  EXPECT_EQ(changeover_.refusal(), "connecting to db: no");
  const auto report = changeover_.report(now_);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->target, "typo:5432/audit");
  EXPECT_EQ(report->fault, PostgresFault::kUnreachable);
  EXPECT_FALSE(report->admitted);
  EXPECT_FALSE(changeover_.look(mounted_at("right"), {}));
  EXPECT_TRUE(attempt(settings::ServerFacts{})) << "at once, as it is something else";
  EXPECT_EQ(host(), "right");
  EXPECT_FALSE(changeover_.report(now_));
  EXPECT_FALSE(changeover_.look(mounted_at("typo"), {})) << "what was tried was admitted";
}

TEST_F(ChangeoverTest, AWrongPasswordThatIsPutBackWasNothing) {
  changeover_.admitted();
  changeover_.look(mounted_at("db", "typo"), {});
  EXPECT_FALSE(attempt(refused(postgres::ErrorClass::kCredentialsRejected)));
  EXPECT_EQ(changeover_.report(now_)->fault, PostgresFault::kCredentialsRejected);
  EXPECT_FALSE(changeover_.look(mounted_at("db"), {}));
  EXPECT_FALSE(changeover_.report(now_));
  EXPECT_EQ(changeover_.refusal(), "");
}

TEST_F(ChangeoverTest, FilesThatCannotBeReadChangeNothingButAreTold) {
  changeover_.admitted();
  EXPECT_FALSE(changeover_.look(unreadable("db"), {}));
  EXPECT_FALSE(is_due());
  EXPECT_TRUE(changeover_.in_force().access);
  EXPECT_EQ(changeover_.report(now_)->fault, PostgresFault::kCredentialsMissing);
  EXPECT_EQ(changeover_.refusal(), "none");
}

TEST_F(ChangeoverTest, RefusedAttemptsComeEverMoreRarelyWhileThereIsNoHurry) {
  changeover_.admitted();
  changeover_.look(mounted_at("typo"), {});
  for (const auto pause : {2s, 4s, 8s, 16s, 30s, 30s}) {
    attempt(refused(postgres::ErrorClass::kUnreachable));
    now_ += pause - 1ms;
    EXPECT_FALSE(is_due()) << pause.count();
    now_ += 1ms;
  }
  attempt(refused(postgres::ErrorClass::kUnreachable));
  serves_ = false;
  now_ += 2s;
  EXPECT_TRUE(is_due());
}

TEST_F(ChangeoverTest, ACandidateIsTriedAndToldOfButNotTaken) {
  changeover_.admitted();
  changeover_.look(mounted_at("db"), mounted_at("next"));
  EXPECT_FALSE(changeover_.report(now_)->admitted);
  EXPECT_FALSE(attempt(server_of_40()));
  EXPECT_EQ(host(), "db");
  now_ += 5s;
  const auto report = changeover_.report(now_);
  EXPECT_EQ(report->target, "next:5432/audit");
  EXPECT_TRUE(report->admitted);
  EXPECT_EQ(report->facts->max_connections, 40);
  EXPECT_EQ(report->facts_age_seconds, 5);
  EXPECT_EQ(changeover_.refusal(), "");
  EXPECT_FALSE(is_due());
  now_ += 25s;
  EXPECT_FALSE(attempt(refused(postgres::ErrorClass::kServerFull)));
  EXPECT_FALSE(changeover_.report(now_)->admitted);
  EXPECT_EQ(changeover_.report(now_)->facts->max_connections, 40) << "the last known";
  changeover_.look(mounted_at("db"), {});
  EXPECT_FALSE(changeover_.report(now_));
}

TEST_F(ChangeoverTest, AnOutcomeOfWhatIsNoLongerMountedCountsForNothing) {
  changeover_.admitted();
  changeover_.look(mounted_at("first"), {});
  const auto due = changeover_.due(now_, true);
  ASSERT_TRUE(due);
  changeover_.look(mounted_at("second"), {});
  EXPECT_FALSE(changeover_.tried(now_, *due, settings::ServerFacts{}));
  EXPECT_EQ(host(), "db");
  EXPECT_TRUE(is_due());
}

}  // namespace
}  // namespace storagepool::service
