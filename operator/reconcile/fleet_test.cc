#include "operator/reconcile/fleet.h"

#include <vector>

#include <gtest/gtest.h>

namespace storagepool::reconcile {
namespace {

Member member(std::string uid, std::string server, std::int64_t held) {
  Member m;
  m.uid = std::move(uid);
  m.server = std::move(server);
  m.database = "audit";
  m.role = "team/" + m.uid;
  m.held = held;
  m.least = 1;
  m.replicas = held > 0 ? 1 : 0;
  return m;
}

settings::ServerFacts known(const Neighbourhood& n) {
  return n.facts.value_or(settings::ServerFacts{});
}

KnownFacts facts(std::int64_t max_connections, std::int64_t as_of, std::string identifier = "",
                 std::optional<std::int64_t> role_limit = {},
                 std::optional<std::int64_t> database_limit = {}) {
  KnownFacts known;
  known.facts.role_limit = role_limit;
  known.facts.database_limit = database_limit;
  known.facts.max_connections = max_connections;
  known.facts.system_identifier = std::move(identifier);
  known.as_of = as_of;
  return known;
}

TEST(Neighbourhood, CountsOnlyThoseOnTheSameServer) {
  const std::vector<Member> all{member("a", "db:5432", 10), member("b", "db:5432", 7),
                                member("c", "other:5432", 5)};
  const Neighbourhood n = neighbourhood(all[0], all);
  EXPECT_EQ(n.others.held.on_server, 7);
  EXPECT_EQ(n.others.least.on_server, 1);
  EXPECT_TRUE(n.others.have_pods);
  EXPECT_FALSE(n.facts);
}

TEST(Neighbourhood, TwoNamesOfOneServerAreToldByItsIdentifier) {
  std::vector<Member> all{member("a", "db:5432", 10), member("b", "10.0.0.1:5432", 7)};
  EXPECT_EQ(neighbourhood(all[0], all).others.held.on_server, 0);
  all[0].facts = facts(100, 1, "77");
  all[1].facts = facts(100, 1, "77");
  EXPECT_EQ(neighbourhood(all[0], all).others.held.on_server, 7);
  all[1].facts = facts(100, 1, "78");
  EXPECT_EQ(neighbourhood(all[0], all).others.held.on_server, 0);
}

TEST(Neighbourhood, WhoMovesAwayStillCountsWhereItsPodsAre) {
  std::vector<Member> all{member("a", "db:5432", 0), member("b", "new:5432", 7)};
  all[1].leaving = "db:5432";
  all[1].facts = facts(500, 9);  // of the new server
  const Neighbourhood n = neighbourhood(all[0], all);
  EXPECT_EQ(n.others.held.on_server, 7);
  EXPECT_FALSE(n.facts);
}

TEST(Neighbourhood, TheNewestWordOnTheServerCounts) {
  std::vector<Member> all{member("a", "db:5432", 0), member("b", "db:5432", 7), member("c", "db:5432", 0)};
  all[1].facts = facts(100, 5);
  EXPECT_EQ(known(neighbourhood(all[0], all)).max_connections, 100);
  all[2].facts = facts(50, 6);
  EXPECT_EQ(known(neighbourhood(all[0], all)).max_connections, 50);
  all[0].facts = facts(70, 7);
  EXPECT_EQ(known(neighbourhood(all[0], all)).max_connections, 70);
}

TEST(Neighbourhood, LimitsOfRoleAndDatabaseAreOnesOwnOrThoseOfASharer) {
  std::vector<Member> all{member("a", "db:5432", 0), member("b", "db:5432", 7)};
  all[1].facts = facts(100, 5, "", 20, 30);
  Neighbourhood n = neighbourhood(all[0], all);
  EXPECT_FALSE(known(n).role_limit);
  EXPECT_EQ(known(n).database_limit, 30);
  EXPECT_EQ(n.others.held.of_role, 0);
  EXPECT_EQ(n.others.held.on_database, 7);
  all[0].role = all[1].role;
  n = neighbourhood(all[0], all);
  EXPECT_EQ(known(n).role_limit, 20);
  EXPECT_EQ(n.others.held.of_role, 7);
  all[0].database = "other";
  all[0].facts = facts(100, 6);
  n = neighbourhood(all[0], all);
  EXPECT_FALSE(known(n).role_limit);
  EXPECT_FALSE(known(n).database_limit);
  EXPECT_EQ(n.others.held.on_database, 0);
}

TEST(Neighbourhood, EqualRoleLimitsAreTakenForOneRole) {
  std::vector<Member> all{member("a", "db:5432", 0), member("b", "db:5432", 7)};
  all[0].facts = facts(100, 5, "", 20);
  all[1].facts = facts(100, 5, "", 20);
  EXPECT_EQ(neighbourhood(all[0], all).others.held.of_role, 7);
}

}  // namespace
}  // namespace storagepool::reconcile
