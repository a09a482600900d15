#include "operator/cli/commands/gather.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>

#include "operator/cli/cluster/process.h"
#include "operator/cli/output/redact.h"
#include "operator/cli/output/tar.h"
#include "operator/cli/testing/recorded.h"
#include "operator/render/render.h"
#include "pool/common/encoding/encoding.h"
#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::cli {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace testing;

constexpr const char* kPlanted = "hunter2hunter2hunter2";

std::string text_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST(Redaction, TakesSecretsOutOfText) {
  const std::string secret = kPlanted;
  for (const std::string& text :
       {"Authorization: Bearer " + secret, "{\"password\":\"" + secret + "\"}",
        "password=" + secret + " host=x", "postgres://audit:" + secret + "@db:5432/audit",
        "PGPASSWORD: " + secret, "v4.public." + secret, "k4.secret." + secret,
        "jwt eyJ" + secret + "." + secret, "{\\\"token\\\": \\\"" + secret + "\\\"}",
        "-----BEGIN PRIVATE KEY-----\n" + secret + "\n-----END PRIVATE KEY-----"}) {
    EXPECT_THAT(redact_text(text), Not(HasSubstr(secret))) << text;
    EXPECT_THAT(redact_text(text), HasSubstr("[redacted]")) << text;
  }
}

TEST(Redaction, LeavesTheRestAlone) {
  for (const char* text :
       {"reason TokenIssuerUnknown", "http://db:5432/x?a@b", "3 tokens were read", "no password was given",
        "credentialsSecretRef name audit-postgres", "-----BEGIN CERTIFICATE-----\nx"})
    EXPECT_EQ(redact_text(text), text);
}

TEST(Redaction, TakesSecretsOutOfObjects) {
  const Json clean = redact_object(Json::parse(R"({"kind": "List", "items": [
      {"kind": "Secret", "data": {"a": "hunter2hunter2hunter2"}, "stringData": {"b": "hunter2hunter2hunter2"}},
      {"kind": "Pod", "metadata": {"managedFields": [1], "annotations": {
           "kubectl.kubernetes.io/last-applied-configuration": "{\"x\": \"hunter2hunter2hunter2\"}"}},
       "spec": {"containers": [{"env": [{"name": "DB_PASSWORD", "value": "hunter2hunter2hunter2"},
                                        {"name": "LEVEL", "value": "info"}],
                                "args": ["--dsn=postgres://u:hunter2hunter2hunter2@h/d"]}]}}]})"));
  EXPECT_THAT(clean.dump(), Not(HasSubstr(kPlanted)));
  EXPECT_EQ(clean["items"][1]["spec"]["containers"][0]["env"][1]["value"], "info");
}

TEST(TarArchive, IsReadByTar) {
  const runtime::testing::TemporaryFolder folder;
  Tar tar(1'700'000'000);
  const std::string deep = "a/" + std::string(80, 'b') + "/" + std::string(90, 'c') + "/d.txt";
  tar.add("x/empty", "");
  tar.add(deep, std::string(700, 'z'));
  std::ofstream(folder / "t.tar", std::ios::binary) << tar.finish();
  const Finished listed = run_program({"tar", "-tf", folder / "t.tar"});
  EXPECT_EQ(listed.exit_code, 0) << listed.err;
  EXPECT_EQ(listed.out, "x/empty\n" + deep + "\n");
  EXPECT_EQ(run_program({"tar", "-xOf", folder / "t.tar", deep}).out, std::string(700, 'z'));
}

// Half of the cluster is down: what is not recorded fails.
class MustGather : public ::testing::Test {
 protected:
  MustGather() {
    const Json pod = Json::parse(R"({"metadata": {"name": "audit-0", "namespace": "team"},
                                     "spec": {"containers": [{"env": [{"name": "TOKEN", "value": "hunter2hunter2hunter2"}]}]},
                                     "status": {"containerStatuses": [{"restartCount": 1}]}})");
    const std::string pods = Json{{"items", Json::array({pod})}}.dump();
    recording_.answer("get storagepools.storagepool.dev -A -o json",
                      Json{{"items", Json::array({storage_pool("audit", settled_status())})}}.dump());
    recording_.answer("get pods -n team -l app.kubernetes.io/instance=audit -o json", pods);
    recording_.answer("get pods -n team -l " + render::pod_selector("audit") + " -o json", pods);
    recording_.answer("logs audit-0 -n team --all-containers --timestamps --tail=10000",
                      std::string("sent Authorization: Bearer hunter2hunter2hunter2\n"));
    recording_.answer(metrics_path("audit-0"), std::string(kMetrics));
  }
  Said gather_to(const std::string& file) {
    return run_recorded(recording_, {"must-gather", "-A", "--file", file, "-o", "json"});
  }

  runtime::testing::TemporaryFolder folder_;
  Recording recording_;
};

TEST_F(MustGather, HasWhatThereIsAndSaysWhatIsNot) {
  const Said said = gather_to(folder_ / "t.tar");
  EXPECT_EQ(said.exit_code, kBad) << said.err;
  const std::string names = run_program({"tar", "-tf", folder_ / "t.tar"}).out;
  for (const char* file :
       {"/storagepools/team/audit/storagepool.yaml\n", "/storagepools/team/audit/pods/audit-0/log.txt\n",
        "/storagepools/team/audit/pods/audit-0/metrics.txt\n", "/status.txt\n", "/errors.txt\n"})
    EXPECT_THAT(names, HasSubstr(file));
  const std::string errors =
      run_program({"tar", "-xOf", folder_ / "t.tar", "--wildcards", "*/errors.txt"}).out;
  EXPECT_THAT(errors, HasSubstr("operator/pods.yaml: not recorded"));
  EXPECT_THAT(errors, HasSubstr("settings and facts of the pods: not recorded"));
  EXPECT_THAT(errors, HasSubstr("storagepools/team/audit/pods/audit-0/log.previous.txt: not recorded"));
  EXPECT_THAT(errors, HasSubstr("storagepools/team/audit/pods/audit-0/readyz.txt: not recorded"));
}

TEST_F(MustGather, HoldsNoSecret) {
  gather_to(folder_ / "t.tar");
  const std::string archive = text_of(folder_ / "t.tar");
  EXPECT_THAT(archive, HasSubstr("sent Authorization: "));
  EXPECT_THAT(archive, Not(HasSubstr(kPlanted)));
  for (const std::string& asked : recording_.asked) {
    EXPECT_TRUE(asked.find("get secret") == std::string::npos ||
                asked.find("storagepool-operator-key") != std::string::npos)
        << asked;
  }
}

TEST_F(MustGather, HasWhatPodsSayToWhoMayReadTheOperatorsKey) {
  const std::string seed = "0123456789abcdefghijklmnopqrstuv";
  recording_.answer("get secret storagepool-operator-key -n storagepool-system -o json",
                    Json{{"data", {{"key", encoding::encode_base64(seed)}}}}.dump());
  recording_.answer("get pod audit-0 -n team -o json", std::string(R"({"metadata": {"uid": "u"}})"));
  recording_.pods["team pod/audit-0:8082 GET /admin/facts"] = {200, R"({"sessions": 7})"};
  gather_to(folder_ / "t.tar");
  const std::string archive = text_of(folder_ / "t.tar");
  EXPECT_THAT(archive, HasSubstr(R"({"sessions": 7})"));
  EXPECT_THAT(archive, HasSubstr("audit-0/settings.json: audit-0: GET /admin/settings: not recorded"));
  EXPECT_THAT(archive, Not(HasSubstr(seed)));
  EXPECT_THAT(archive, Not(HasSubstr(encoding::encode_base64(seed))));
  EXPECT_THAT(archive, Not(HasSubstr("v4.public.")));
}

TEST_F(MustGather, WithoutAClusterStillSaysWhy) {
  recording_.answers.clear();
  EXPECT_EQ(gather_to(folder_ / "t.tar").exit_code, kBad);
  EXPECT_THAT(text_of(folder_ / "t.tar"), HasSubstr("storagepools: not recorded"));
  EXPECT_EQ(gather_to("/none/t.tar").exit_code, kError);
}

}  // namespace
}  // namespace storagepool::cli
