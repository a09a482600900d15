#include "operator/reconcile/account.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/testing/fake_cluster.h"
#include "operator/render/render.h"

namespace storagepool::reconcile {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const runtime::TimePoint kNow{std::chrono::hours{1}};

class AccountOf : public testing::Test {
 protected:
  AccountOf() {
    identity_ = {.name_space = "team", .name = "audit", .uid = "u"};
    spec_.credentials_secret = "creds";
    spec_.postgres = {.host = "db", .database = "audit"};
    spec_.sizing.replicas = 3;
  }
  Subject subject() const {
    return {.identity = identity_, .created = 7, .spec = valid_ ? &spec_ : nullptr, .deleting = deleting_};
  }
  // The ConfigMap as it leads to `host` now, with what pods may hold besides.
  void config_map(const std::string& host, const std::vector<std::string>& leaving = {}) {
    settings::PostgresTarget postgres = spec_.postgres;
    postgres.host = host;
    settings::Settings settings;
    settings.max_open_conns = 9;
    Json object = render::config_map(identity_, {.generation = 4,
                                                 .settings = settings,
                                                 .ceiling = 12,
                                                 .postgres = postgres,
                                                 .candidate = candidate_,
                                                 .leaving = leaving,
                                                 .tried = tried_});
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    memory_.config.update(std::make_shared<const Json>(object), read_config_map);
  }
  void stateful_set(std::int64_t replicas, std::int64_t peak_pods) {
    WorkloadView view;
    view.workload = {.replicas = replicas, .peak_pods = peak_pods, .settled = true};
    const Json object{{"metadata", {{"resourceVersion", std::to_string(++version_)}}}};
    memory_.workload.update(std::make_shared<const Json>(object),
                            [&](const Json&) { return std::optional(view); });
  }
  sizing::Account account(std::size_t pods = 0) {
    follow_servers(memory_, subject(), status_, kNow);
    Observed observed = known_objects(memory_, status_);
    observed.pods.resize(pods);
    return account_of(memory_, subject(), observed);
  }

  render::Identity identity_;
  render::Spec spec_;
  bool valid_ = true;
  bool deleting_ = false;
  Memory memory_;
  Status status_;
  std::uint64_t version_ = 0;
  std::optional<settings::PostgresTarget> candidate_;
  std::vector<std::string> tried_;
};

TEST_F(AccountOf, IsWhatTheObjectsSay) {
  config_map("db");
  stateful_set(3, 4);
  const sizing::Account a = account(3);
  EXPECT_EQ(a.uid, "u");
  EXPECT_EQ(a.created, 7);
  EXPECT_THAT(a.servers, ElementsAre("db.team:5432"));
  EXPECT_EQ(a.database, "audit");
  EXPECT_EQ(a.role, "team/creds");
  EXPECT_EQ(a.request, spec_.sizing);
  EXPECT_EQ(a.existing, (sizing::Existing{.replicas = 3, .peak_pods = 4, .limit = 9}));
  EXPECT_EQ(a.claim(), 48);
}

TEST_F(AccountOf, PodsWithoutAStatefulSetCount) {
  config_map("db");
  EXPECT_EQ(account(2).claim(), 24);
}

TEST_F(AccountOf, WithoutAConfigMapPodsHaveWhatItSaidLastOrTheMost) {
  stateful_set(3, 3);
  EXPECT_EQ(account().claim(), 30'000);
  memory_.last_ceiling = 9;
  EXPECT_EQ(account().claim(), 27);
}

TEST_F(AccountOf, OfTwoWritesInDoubtTheHigherCounts) {
  put_in_doubt(memory_.ceiling_in_doubt, {.version = 7, .number = 12});
  put_in_doubt(memory_.ceiling_in_doubt, {.version = 7, .number = 4});
  EXPECT_EQ(memory_.ceiling_in_doubt.value_or(Doubt{}).number, 12);
  put_in_doubt(memory_.ceiling_in_doubt, {.version = 8, .number = 4});
  EXPECT_EQ(memory_.ceiling_in_doubt.value_or(Doubt{}).number, 4);
}

TEST_F(AccountOf, AServiceIsOneServerHoweverItIsWritten) {
  for (const char* host : {"db", "db.team", "db.team.svc", "db.team.svc.cluster.local", "DB.team"}) {
    memory_ = {};
    spec_.postgres.host = host;
    EXPECT_THAT(account().servers, ElementsAre("db.team:5432")) << host;
  }
  memory_ = {};
  spec_.postgres.host = "10.0.0.1";
  EXPECT_THAT(account().servers, ElementsAre("10.0.0.1:5432"));
}

TEST_F(AccountOf, PodsAreWhereTheConfigMapLeadsAndTheSpecIsTheirDestination) {
  config_map("db");
  account();
  spec_.postgres.host = "second";
  EXPECT_THAT(account().servers, ElementsAre("db.team:5432"));
  EXPECT_EQ(account().destination, "second.team:5432");
  spec_.postgres.host = "db.team.svc";
  EXPECT_EQ(account().destination, "") << "the same server, written otherwise";
}

TEST_F(AccountOf, AllServersThatAreBeingLeftAreKeptInMind) {
  config_map("db");
  account();
  spec_.postgres.host = "second";
  config_map("second");
  EXPECT_THAT(account().servers, ElementsAre("second.team:5432", "db.team:5432"));
  spec_.postgres.host = "third";
  config_map("third", memory_.leaving);
  EXPECT_THAT(account().servers, ElementsAre("third.team:5432", "db.team:5432", "second.team:5432"));
  config_map("third", memory_.leaving);
  const auto config = memory_.config;
  memory_ = {};  // the operator starts anew
  memory_.config = config;
  EXPECT_THAT(account().servers, ElementsAre("third.team:5432", "db.team:5432", "second.team:5432"));
  forget_left_servers(memory_, identity_);
  EXPECT_THAT(account().servers, ElementsAre("third.team:5432"));
}

TEST_F(AccountOf, ServersThatPodsMayTryCountUntilTheyTryNoMore) {
  candidate_ = settings::PostgresTarget{.host = "typo", .database = "audit"};
  tried_ = {"typo.team:5432", "another.team:5432"};
  config_map("db");
  EXPECT_THAT(account().tried, ElementsAre("typo.team:5432", "another.team:5432"));
  EXPECT_THAT(account().servers, ElementsAre("db.team:5432"));
  forget_left_servers(memory_, identity_);
  EXPECT_THAT(account().tried, ElementsAre("typo.team:5432"));
  candidate_.reset();
  config_map("db");
  forget_left_servers(memory_, identity_);
  EXPECT_THAT(account().tried, IsEmpty());
}

TEST_F(AccountOf, WithoutAConfigMapPodsMayBeWhereTheStatusWasWrittenOf) {
  spec_.postgres.host = "new";
  status_.server_facts = FactsStatus{.target = "db:5432/audit", .facts = {}};
  EXPECT_THAT(account().servers, ElementsAre("new.team:5432", "db.team:5432"));
}

TEST_F(AccountOf, AnInvalidSpecKeepsItsClaimAlsoAfterARestart) {
  config_map("db", {"old.team:5432"});
  stateful_set(3, 3);
  valid_ = false;
  const sizing::Account a = account();
  EXPECT_THAT(a.servers, ElementsAre("db.team:5432", "old.team:5432"));
  EXPECT_FALSE(a.request);
  EXPECT_EQ(a.claim(), 36);
  EXPECT_EQ(a.database, "audit");
  EXPECT_EQ(a.role, "");
}

TEST_F(AccountOf, WhatIsBeingDeletedAsksForNothing) {
  config_map("db");
  stateful_set(0, 3);
  deleting_ = true;
  EXPECT_FALSE(account().request);
  EXPECT_EQ(account().claim(), 36);
}

TEST_F(AccountOf, AWriteInDoubtCountsUntilItsObjectIsSeenInAnotherVersion) {
  config_map("db");
  stateful_set(3, 3);
  memory_.ceiling_in_doubt = Doubt{memory_.config.version(), 20, kNow};
  EXPECT_EQ(account().claim(), 60);
  memory_.peak_in_doubt = Doubt{memory_.workload.version(), 5, kNow};
  EXPECT_EQ(account().claim(), 100);
  EXPECT_EQ(account().existing.replicas, 3);
}

TEST_F(AccountOf, AStatefulSetWhoseMakingIsInDoubtCounts) {
  config_map("db");
  memory_.peak_in_doubt = Doubt{0, 1, kNow};
  EXPECT_EQ(account().claim(), 12);
}

TEST_F(AccountOf, WhatWasSeenCountsWhileNothingIsThere) {
  config_map("db");
  stateful_set(3, 3);
  FakeCluster behind;
  see_objects(memory_, behind, identity_, kNow + std::chrono::seconds{1});
  EXPECT_FALSE(memory_.workload.view());
  EXPECT_EQ(account().claim(), 36);
  see_objects(memory_, behind, identity_, kNow + 2 * Doubt::kLongest);
  EXPECT_EQ(account().claim(), 36) << "until there is a StatefulSet again";
}

// As after a restore of the API server's storage: the pods have not gone back with it.
TEST_F(AccountOf, WhatAnObjectSaidBeforeItWasAnOlderOneCounts) {
  FakeCluster restored;
  const auto put = [&](const Json& object) {
    Json owned = object;
    owned["metadata"]["uid"] = "o";
    restored.put(owned);
    return kube::resource_version(restored.get(object["kind"], object["metadata"]["name"]));
  };
  settings::Settings settings;
  settings.max_open_conns = 9;
  const std::uint64_t config = put(render::config_map(
      identity_, {.generation = 3, .settings = settings, .ceiling = 9, .postgres = spec_.postgres}));
  const std::uint64_t set = put(render::stateful_set(
      identity_, spec_, {.replicas = 2, .peak_pods = 2, .default_image = "i", .volumes = false}));
  version_ = std::max(config, set);
  config_map("db");
  stateful_set(3, 4);
  EXPECT_EQ(account().claim(), 48);
  see_objects(memory_, restored, identity_, kNow);
  EXPECT_EQ(memory_.config.version(), config);
  EXPECT_EQ(account().claim(), 48);
  see_objects(memory_, restored, identity_, kNow + std::chrono::seconds{1});
  EXPECT_EQ(account().claim(), 48) << "until they are written anew";
  restored.get("ConfigMap", "audit-config")["metadata"]["resourceVersion"] = std::to_string(version_ + 1);
  see_objects(memory_, restored, identity_, kNow + std::chrono::seconds{2});
  EXPECT_EQ(account().claim(), 36);
}

TEST_F(AccountOf, FactsAreOfTheTargetOnly) {
  config_map("db");
  account();
  sizing::KnownFacts facts{.facts = {}, .read = kNow};
  facts.facts.max_connections = 40;
  follow_facts(memory_.facts, facts);
  EXPECT_EQ(account().facts, facts);
  sizing::KnownFacts older = facts;
  older.read -= std::chrono::seconds{1};
  older.facts.max_connections = 10;
  follow_facts(memory_.facts, older);
  EXPECT_EQ(account().facts, facts);
  memory_.facts = facts;
  spec_.postgres.host = "new";
  EXPECT_EQ(account().facts, facts) << "of where the pods are";
  memory_.destination_facts = older;
  EXPECT_EQ(account().destination_facts, older);
  config_map("new");
  EXPECT_EQ(account().facts, older) << "the pods have read them before they were led there";
  status_.server_facts =
      FactsStatus{.target = "db:5432/audit", .facts = facts.facts, .observed_at = runtime::Timestamp{}};
  spec_.postgres.host = "db";
  config_map("db");
  EXPECT_EQ(account().facts, facts);
}

}  // namespace
}  // namespace storagepool::reconcile
