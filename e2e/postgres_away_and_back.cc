// PostgreSQL, its credentials or its certificate are wrong or away: the StoragePool says why in a condition
// and an event, tries again, and is Ready by itself once they are right. No credential shows anywhere.
#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "e2e/support/port_forward.h"
#include "e2e/support/scenario.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

constexpr const char* kWrongPassword = "wr0ng-w0rd-that-must-not-show";

class PostgresAwayAndBack : public Scenario {
 protected:
  // Ready is False (or Unknown) and PostgresReachable is False for that reason, with a message and an event.
  ::testing::AssertionResult becomes_unready(const std::string& reason) {
    return eventually(kReadyDeadline, [&]() -> std::string {
      const json object = get("storagepool", "audit");
      const json ready = condition(object, "Ready");
      const json reachable = condition(object, "PostgresReachable");
      if (!ready.is_object() || ready["status"] != "False") return summary(object);
      if (!reachable.is_object() || reachable["status"] != "False" || reachable["reason"] != reason) {
        return "PostgresReachable is not False for " + reason + ": " + summary(object);
      }
      if (ready.value("message", "").empty() || reachable.value("message", "").empty()) return "no message";
      for (const auto& event : events_about("audit")) {
        if (event.starts_with(reason + ": ")) return "";
      }
      return "no event with the reason " + reason + ": " + ::testing::PrintToString(events_about("audit"));
    });
  }

  void set_password(const std::string& password) {
    kubectl_out({"-n", name_space(), "patch", "secret", kCredentials, "--type=merge", "-p",
                 json{{"stringData", {{"password", password}}}}.dump()});
  }

  // Nothing that people or machines read has a password in it.
  void expect_no_credential() {
    const std::string everything =
        kubectl_out({"-n", name_space(), "get",
                     "storagepools,statefulsets,configmaps,events.events.k8s.io,pods", "-o", "yaml"}) +
        kubectl_out({"-n", name_space(), "logs", "-l", "app.kubernetes.io/instance=audit", "--tail=-1"}) +
        kubectl_out({"-n", operator_namespace(), "logs", "deployment/storagepool-operator", "--tail=-1"});
    EXPECT_THAT(everything, Not(HasSubstr(kPassword)));
    EXPECT_THAT(everything, Not(HasSubstr(kWrongPassword)));
    EXPECT_THAT(everything, Not(HasSubstr("v4.public.")));
  }

  HttpResponse post() {
    const PortForward forward(name_space(), "pod/audit-0", 8080);
    const auto answer = HttpClient(forward.port()).send(post_event(sample_event("away", 1)), 60s);
    EXPECT_TRUE(answer) << answer.error();
    return answer.value_or(HttpResponse{});
  }
};

TEST_F(PostgresAwayAndBack, ServerAwayAndCrashed) {
  const Postgres postgres(name_space(), 40);
  apply(pool("audit", 2, {{"spec", {{"pool", {{"acquireTimeout", "2s"}, {"connectTimeout", "1s"}}}}}}));
  ASSERT_TRUE(becomes_ready("audit", 2));
  const json pods_before = list("pods", "app.kubernetes.io/instance=audit");

  postgres.cut_off();
  EXPECT_TRUE(becomes_unready("Unreachable"));
  EXPECT_EQ(post().status, 202);  // kept in the journal of the pod
  postgres.restore();
  ASSERT_TRUE(becomes_ready("audit", 2));
  EXPECT_EQ(post().status, 201);

  postgres.crash();
  ASSERT_TRUE(becomes_ready("audit", 2));
  EXPECT_TRUE(eventually(60s, [&]() -> std::string {
    const auto answer = post();
    return answer.status == 201 ? "" : std::to_string(answer.status) + " " + answer.body;
  }));

  // The pods lived through both.
  const json pods_after = list("pods", "app.kubernetes.io/instance=audit");
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(pods_after.at(i).at("metadata").at("uid"), pods_before.at(i).at("metadata").at("uid"));
    EXPECT_EQ(pods_after.at(i).at("status").at("containerStatuses").at(0).at("restartCount"), 0);
  }
  expect_no_credential();
}

TEST_F(PostgresAwayAndBack, SecretMissingMalformedAndWrong) {
  const Postgres postgres(name_space(), 40);
  kubectl_out({"-n", name_space(), "delete", "secret", kCredentials});
  apply(pool("audit", 1));
  EXPECT_TRUE(becomes_unready("CredentialsMissing"));

  kubectl_out({"-n", name_space(), "create", "secret", "generic", kCredentials, "--from-literal=user=audit",
               std::string("--from-literal=password=") + kPassword});
  EXPECT_TRUE(becomes_unready("CredentialsMissing"));

  kubectl_out({"-n", name_space(), "patch", "secret", kCredentials, "--type=merge", "-p",
               json{{"stringData", {{"username", kRole}, {"password", kWrongPassword}}}}.dump()});
  EXPECT_TRUE(becomes_unready("CredentialsRejected"));

  set_password(kPassword);
  EXPECT_TRUE(becomes_ready("audit", 1));
  EXPECT_EQ(post().status, 201);
  expect_no_credential();
}

TEST_F(PostgresAwayAndBack, WrongCertificateAuthority) {
  const Postgres postgres(name_space(), 40);
  const auto right = get("secret", kAuthority).at("data").at("ca.crt").get<std::string>();
  const Result other = run({STORAGEPOOL_SOURCE_DIR "/hack/postgres-tls", name_space()});
  ASSERT_TRUE(other.ok()) << other.err;
  // The second of the two documents is the authority's.
  kubectl_out({"apply", "-f", "-"}, other.out.substr(other.out.rfind("---\napiVersion")));
  apply(pool(
      "audit", 1,
      {{"spec", {{"postgres", {{"sslMode", "verify-full"}, {"caSecretRef", {{"name", kAuthority}}}}}}}}));
  EXPECT_TRUE(becomes_unready("TLSFailed"));

  kubectl_out({"-n", name_space(), "patch", "secret", kAuthority, "--type=merge", "-p",
               json{{"data", {{"ca.crt", right}}}}.dump()});
  EXPECT_TRUE(becomes_ready("audit", 1));
  expect_no_credential();
}

}  // namespace
}  // namespace storagepool::e2e
