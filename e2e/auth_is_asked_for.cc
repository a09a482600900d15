// Who may use the API is said in the StoragePool: by default the service accounts of its namespace, and
// others as it says; with tokens nobody comes in without one, a rotated Secret is in force without a restart,
// and without them everybody does again; journal and rate limit are as asked for.
#include <chrono>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "e2e/support/port_forward.h"
#include "e2e/support/process.h"
#include "e2e/support/scenario.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

// Until the kubelet has mounted a changed ConfigMap.
constexpr auto kMountDeadline = 150s;
constexpr const char* kSecret = "audit-clients";
constexpr const char* kFirst = "first-token-of-the-scenario";
constexpr const char* kSecond = "second-token-of-the-scenario";

class AuthIsAskedFor : public Scenario {
 protected:
  // A POST of one event: the status, or what the transport says.
  static std::string post(HttpClient& client, const std::string& token = {}) {
    HttpRequest request = post_event(sample_event("auth", 1));
    request.headers["Authorization"] = token.empty() ? "" : "Bearer " + token;
    const auto answer = client.send(request);
    return answer ? std::to_string(answer->status) : answer.error();
  }

  std::string pod_uid() { return get("pod", "audit-0").at("metadata").at("uid"); }

  // Of the pod's /metrics; the name alone when there is no such line.
  std::string metric(const std::string& name) {
    const PortForward forward(name_space(), "pod/audit-0", 9090);
    const auto answer =
        HttpClient(forward.port()).send({.method = "GET", .target = "/metrics", .body = {}, .headers = {}});
    std::istringstream lines(answer ? answer->body : "");
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with(name + " ")) return line;
    }
    return name;
  }
};

// A namespace with a service account, beside the scenario's.
class OtherNamespace {
 public:
  explicit OtherNamespace(std::string name) : name_(std::move(name)) {
    kubectl_out({"create", "namespace", name_});
    kubectl_out({"-n", name_, "create", "serviceaccount", "caller"});
  }
  ~OtherNamespace() { remove(); }
  OtherNamespace(const OtherNamespace&) = delete;
  OtherNamespace& operator=(const OtherNamespace&) = delete;

  std::string token() const {
    std::string text = kubectl_out({"-n", name_, "create", "token", "caller", "--duration=2h"});
    text.erase(text.find_last_not_of('\n') + 1);
    return text;
  }
  void remove() const { kubectl({"delete", "namespace", name_, "--ignore-not-found", "--timeout=60s"}); }

 private:
  std::string name_;
};

TEST_F(AuthIsAskedFor, OfServiceAccountsByDefault) {
  const Postgres postgres(name_space(), 40);
  apply(pool("audit", 1));
  ASSERT_TRUE(becomes_ready("audit", 1));
  EXPECT_EQ(condition(get("storagepool", "audit"), "AuthenticationOff").value("reason", ""),
            "ServiceAccount");
  const OtherNamespace other(name_space() + "-other");
  const std::string own = service_account_token();
  const std::string theirs = other.token();
  const std::string started = pod_uid();
  const auto becomes = [&](HttpClient& client, const std::string& token, const std::string& wanted) {
    return eventually(kMountDeadline, [&]() -> std::string {
      const std::string status = post(client, token);
      return status == wanted ? "" : status + ", not " + wanted;
    });
  };
  {
    const PortForward forward(name_space(), "svc/audit", 8080);
    HttpClient client(forward.port());
    EXPECT_EQ(post(client), "401");
    EXPECT_EQ(post(client, own), "201");
    EXPECT_EQ(post(client, service_account_token("default", {"--audience=elsewhere"})), "401");
    EXPECT_EQ(post(client, service_account_token("default",
                                                 {"--audience=storagepool.dev/" + name_space() + "/audit"})),
              "201");
    EXPECT_EQ(post(client, service_account_token("default",
                                                 {"--audience=storagepool.dev/" + name_space() + "/other"})),
              "401");
    EXPECT_EQ(post(client, own.substr(0, own.size() - 8) + "AAAAAAAA"), "401");
    EXPECT_EQ(post(client, theirs), "403");

    patch("audit",
          {{"spec",
            {{"auth",
              {{"serviceAccounts",
                {{{"scopes", {"read"}}},
                 {{"namespace", name_space() + "-*"}, {"name", "call*"}, {"scopes", {"write"}}}}}}}}}});
    EXPECT_TRUE(becomes(client, theirs, "201"));
    EXPECT_EQ(post(client, own), "403") << "it may read";
    other.remove();
    EXPECT_TRUE(becomes(client, theirs, "401")) << "its namespace is gone";
  }
  EXPECT_EQ(pod_uid(), started) << "no pod is replaced for it";
}

// Through the Service, under its name in the cluster.
TEST_F(AuthIsAskedFor, OverTlsWhereTheSpecNamesACertificate) {
  const Postgres postgres(name_space(), 40);
  const std::string host = "audit." + name_space() + ".svc";
  const Result made = run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                           "-nodes", "-days", "2", "-subj", "/CN=audit", "-addext",
                           "subjectAltName=DNS:" + host, "-keyout", "/dev/stdout", "-out", "/dev/stdout"});
  const std::size_t split = made.out.find("-----BEGIN CERTIFICATE");
  ASSERT_NE(split, std::string::npos) << made.err;
  const std::string certificate = made.out.substr(split);
  apply({{"apiVersion", "v1"},
         {"kind", "Secret"},
         {"type", "kubernetes.io/tls"},
         {"metadata", {{"name", "audit-tls"}, {"namespace", name_space()}}},
         {"stringData", {{"tls.crt", certificate}, {"tls.key", made.out.substr(0, split)}}}});
  apply(pool("audit", 1, {{"spec", {{"tls", {{"secretRef", {{"name", "audit-tls"}}}}}}}}));
  ASSERT_TRUE(becomes_ready("audit", 1));

  const json service = get("service", "audit");
  const std::string address = service.at("spec").at("clusterIP");
  const auto curl = [&](const std::string& scheme, const std::vector<std::string>& more) {
    std::vector<std::string> argv{"curl",      "-sS", "--max-time",   "10",        "-o",
                                  "/dev/null", "-w",  "%{http_code}", "--resolve", host + ":8080:" + address};
    argv.insert(argv.end(), more.begin(), more.end());
    argv.push_back(scheme + "://" + host + ":8080/api/v1/audit/events");
    return run(argv, certificate);
  };
  const std::vector<std::string> event{"-H", "Content-Type: application/json",
                                       "-H", "Authorization: Bearer " + service_account_token(),
                                       "-d", sample_event("tls", 1).dump()};
  auto trusting = event;
  trusting.insert(trusting.end(), {"--cacert", "/dev/stdin"});
  EXPECT_EQ(curl("https", trusting).out, "201");
  EXPECT_EQ(curl("https", event).exit_code, 60) << "a certificate that curl does not trust";
  EXPECT_EQ(curl("http", event).out, "400") << "in clear text";
  EXPECT_EQ(service.at("spec").at("ports").at(0).value("appProtocol", ""), "https");
}

TEST_F(AuthIsAskedFor, AndNoLongerWhenTheSpecSaysSo) {
  const Postgres postgres(name_space(), 40);
  kubectl_out({"-n", name_space(), "create", "secret", "generic", kSecret,
               std::string("--from-literal=write=") + kFirst});
  const json journal{{"size", "64Mi"}};
  apply(pool(
      "audit", 1,
      {{"spec", {{"journal", journal}, {"auth", {{"mode", "Token"}, {"secretRef", {{"name", kSecret}}}}}}}}));
  ASSERT_TRUE(becomes_ready("audit", 1));
  const std::string asking = pod_uid();
  {
    const PortForward forward(name_space(), "svc/audit", 8080);
    HttpClient client(forward.port());
    EXPECT_EQ(post(client), "401");
    EXPECT_EQ(post(client, kSecond), "401");
    EXPECT_EQ(post(client, kFirst), "201");

    kubectl_out({"-n", name_space(), "patch", "secret", kSecret, "--type=merge", "-p",
                 json{{"stringData", {{"write", kSecond}}}}.dump()});
    EXPECT_TRUE(eventually(kLiveDeadline, [&]() -> std::string {
      const std::string status = post(client, kSecond);
      return status == "201" ? "" : "the new token: " + status;
    }));
    EXPECT_EQ(post(client, kFirst), "401");
    EXPECT_EQ(pod_uid(), asking);
    const std::string log = kubectl_out({"-n", name_space(), "logs", "audit-0"});
    EXPECT_THAT(log, Not(HasSubstr(kFirst)));
    EXPECT_THAT(log, Not(HasSubstr(kSecond)));
  }

  constexpr int kBurst = 3;
  apply(pool("audit", 1,
             {{"spec",
               {{"journal", journal},
                {"auth", {{"mode", "None"}}},
                {"rateLimit", {{"requestsPerSecond", 1}, {"burst", kBurst}}}}}}));
  ASSERT_TRUE(eventually(kReadyDeadline, [&] { return pod_uid() != asking ? "" : "the pod as it was"; }));
  ASSERT_TRUE(becomes_ready("audit", 1));
  EXPECT_EQ(condition(get("storagepool", "audit"), "AuthenticationOff").value("reason", ""), "ModeNone");
  const PortForward forward(name_space(), "svc/audit", 8080);
  HttpClient client(forward.port());
  for (int i = 0; i < kBurst; ++i) EXPECT_EQ(post(client), "201");
  EXPECT_TRUE(eventually(kLiveDeadline, [&]() -> std::string {
    const std::string status = post(client);
    return status == "429" ? "" : "no request refused: " + status;
  }));
  EXPECT_EQ(metric("storagepool_journal_max_bytes"), "storagepool_journal_max_bytes 67108864");
}

}  // namespace
}  // namespace storagepool::e2e
