// What pods are told of who may ask them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/testing/reconcile_fixture.h"

namespace storagepool::reconcile {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Access : public Reconcile {
 protected:
  const Json& data() { return cluster_.get("ConfigMap", "audit-config")["data"]; }
  Json file() { return Json::parse(data().value("access.json", "null")); }
  Json pods() { return cluster_.get("StatefulSet", "audit")["spec"]["template"]; }
};

TEST_F(Access, ServiceAccountsOfTheNamespaceByDefault) {
  settle();
  EXPECT_EQ(file()["issuer"], "https://kubernetes");
  EXPECT_EQ(file()["audiences"], Json::array({"https://kubernetes", "storagepool.dev/team/audit"}));
  EXPECT_EQ(file()["keys"]["keys"][0]["kid"], "k1");
  EXPECT_EQ(file()["serviceAccounts"][0]["namespace"], "team");
  EXPECT_FALSE(file().contains("namespaces"));
  EXPECT_EQ(condition(kAuthenticationOff), "False ServiceAccount");
  EXPECT_EQ(condition(kReady), "True Ready");
}

TEST_F(Access, OtherKeysReachThePodsAndReplaceNone) {
  settle();
  const Json before = pods();
  issuer_.issuer = issuer_with_key("k2");
  ASSERT_TRUE(look());
  EXPECT_EQ(file()["keys"]["keys"][0]["kid"], "k2");
  EXPECT_EQ(pods(), before);
  cluster_.writes.clear();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(look());
  EXPECT_THAT(cluster_.writes, IsEmpty());
}

TEST_F(Access, AnOperatorThatKnowsNoKeysLeavesThoseThatThePodsHave) {
  settle();
  issuer_ = {.issuer = nullptr, .failure = "it is away"};
  restart_operator();
  settle();
  EXPECT_EQ(file()["keys"]["keys"][0]["kid"], "k1");
  EXPECT_EQ(condition(kReady), "True Ready");
  change_spec("/spec/auth", {{"serviceAccounts", {{{"name", "writer"}, {"scopes", {"write"}}}}}});
  settle();
  EXPECT_EQ(file()["serviceAccounts"][0]["name"], "writer");
  EXPECT_EQ(file()["keys"]["keys"][0]["kid"], "k1");
}

TEST_F(Access, WithoutKeysNobodyIsAdmittedAndItIsSaid) {
  issuer_ = {.issuer = nullptr, .failure = "/openid/v1/jwks: 403 Forbidden"};
  settle();
  EXPECT_FALSE(data().contains("access.json"));
  EXPECT_EQ(condition(kReady), "False TokenIssuerUnknown");
  EXPECT_THAT(message(kReady), HasSubstr("/openid/v1/jwks: 403 Forbidden"));
  issuer_ = {.issuer = issuer_with_key("k1"), .failure = {}};
  settle();
  EXPECT_EQ(condition(kReady), "True Ready");
}

TEST_F(Access, NoneIsTold) {
  change_spec("/spec/auth", {{"mode", "None"}});
  issuer_ = {.issuer = nullptr, .failure = "it is away"};
  settle();
  EXPECT_FALSE(data().contains("access.json"));
  EXPECT_EQ(condition(kAuthenticationOff), "True ModeNone");
  EXPECT_EQ(condition(kReady), "True Ready");
  EXPECT_THAT(events(), ::testing::Contains("ModeNone"));
}

TEST_F(Access, WhereOtherNamespacesAreNamedPodsKnowWhichExist) {
  change_spec("/spec/auth", {{"serviceAccounts", {{{"namespace", "op*"}, {"scopes", {"read"}}}}}});
  settle();
  EXPECT_EQ(file()["namespaces"], Json::array({"ops", "team"}));
  cluster_.namespaces = {"team"};
  ASSERT_TRUE(look());
  EXPECT_EQ(file()["namespaces"], Json::array({"team"}));
}

}  // namespace
}  // namespace storagepool::reconcile
