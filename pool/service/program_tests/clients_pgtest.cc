// The running program and clients that people use: Schemathesis, which tries what the OpenAPI document allows
// and forbids, and a Go client generated from it.
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "pool/common/runtime/files.h"
#include "pool/common/runtime/testing/temporary_folder.h"
#include "pool/service/program_tests/testing/openapi.h"
#include "pool/service/program_tests/testing/program_test.h"
#include "pool/service/routes/openapi.h"

namespace storagepool::service {
namespace {

const std::string kSource = STORAGEPOOL_SOURCE_DIR;
const std::string kClients = kSource + "/pool/service/program_tests/clients";
constexpr const char* kToken = "every-scope-0123456789abcdef0123456789";
constexpr const char* kSeed = "20261128";

struct Ended {
  int status = -1;
  std::string output;
};

// Runs a command in a shell; `output` is what it prints.
Ended shell(const std::string& command) {
  const runtime::testing::TemporaryFolder folder;
  const std::string output = folder / "output";
  const int status = std::system(("exec >" + output + "; " + command).c_str());
  return {status, runtime::read_file(output, std::size_t{64} << 20).value_or("")};
}

// Where the program of a client is.
std::string client(const std::string& name) {
  const Ended made = shell("timeout 840 " + kSource + "/hack/clients " + name);
  EXPECT_EQ(made.status, 0);
  return made.output.substr(0, made.output.find('\n'));
}

class ClientsTest : public testing::ProgramTest {
 protected:
  static void SetUpTestSuite() {
    start_server();
    server_->superuser("ALTER ROLE app CREATEDB");  // for workspaces
  }

  void start_with_token() {
    pod_.write("auth/tokens", std::string(kToken) + " all:read,write,admin,hold,sensitive\n");
    start({"--auth-mode=Token"});
  }
  // Before there is an entry, the log's routes answer 503.
  void begin_log() {
    ASSERT_EQ(pod_.create(testing::valid_event()).status, 201U);
    ASSERT_TRUE(testing::eventually([&] {
      return pod_.api("GET", "/api/v1/audit/log/checkpoint").status == 200;
    })) << pod_.log();
  }
  std::string address(std::uint16_t port) const { return "http://127.0.0.1:" + std::to_string(port); }

  void schemathesis(const std::string& flags) {
    const std::string program = client("schemathesis");
    const std::string api = address(pod_.api_port());
    const runtime::testing::TemporaryFolder folder;  // it keeps notes where it runs
    const Ended run =
        shell("cd " + folder.path().string() + " && cp " + kClients + "/*.toml " + kClients +
              "/*.py . && PYTHONDONTWRITEBYTECODE=1 timeout 600 " + program +
              " --config-file schemathesis.toml run " + kSource + "/pool/service/routes/openapi.yaml --url " +
              api + " --include-path-regex '^/(api|admin/metrics|openapi|livez|readyz|healthz)' --no-color" +
              " --max-examples 10 --seed " + kSeed + " " + flags + " 2>&1");
    EXPECT_EQ(run.status, 0) << run.output << pod_.log();
    EXPECT_NE(run.output.find(" passed"), std::string::npos) << run.output;
  }
};

TEST_F(ClientsTest, SchemathesisWithAToken) {
  start_with_token();
  pod_.token = kToken;
  begin_log();
  schemathesis(std::string("--header 'Authorization: Bearer ") + kToken + "'");
}

TEST_F(ClientsTest, SchemathesisWithoutAToken) {
  start_with_token();
  schemathesis("");
}

TEST_F(ClientsTest, SchemathesisWhereNobodyIsAsked) {
  start();
  begin_log();
  schemathesis("");
}

TEST_F(ClientsTest, AGeneratedClientWithPostgresqlThereAndAway) {
  const std::string program = client("generated");
  start_with_token();
  const std::string command = program + " -token " + kToken + " -api " + address(pod_.api_port()) +
                              " -health " + address(pod_.health_port()) + " -metrics " +
                              address(pod_.metrics_port());
  // The administration's port is the operator's alone.
  const auto calls_every_operation = [](const Ended& run) {
    for (const testing::Operation& operation : testing::read_openapi(std::string(openapi_document()))) {
      if (operation.port == 8082) continue;
      EXPECT_NE(("\n" + run.output).find("\n" + operation.id + ": "), std::string::npos) << operation.id;
    }
  };
  const Ended there = shell(command);
  EXPECT_EQ(there.status, 0) << there.output;
  calls_every_operation(there);
  server_->stop();
  EXPECT_TRUE(pod_.reports("unreachable"));
  const Ended away = shell(command + " -away");
  EXPECT_EQ(away.status, 0) << away.output;
  calls_every_operation(away);
  server_->start();
}

}  // namespace
}  // namespace storagepool::service
