// The running program behind PgBouncer.
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/postgres/testing/pgbouncer.h"
#include "pool/service/program_tests/testing/load.h"
#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Load;
using testing::Pod;

class DataStoragePoolerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<postgres::testing::Server>();
    server_->superuser("ALTER ROLE app CREATEDB");
  }
  static void TearDownTestSuite() { server_.reset(); }

  static inline std::unique_ptr<postgres::testing::Server> server_;
};

TEST_F(DataStoragePoolerTest, ServesInSessionModeAndReportsTheServersLimits) {
  const postgres::testing::PgBouncer pooler(*server_, "session");
  Pod pod(pooler.connect_options());
  testing::start_ready(pod);
  EXPECT_EQ(pod.api("PUT", "/api/v1/workspaces/team-a").status, 201U);
  Load load(pod.api_port());
  EXPECT_TRUE(load.sees(201, 200)) << pod.log();
  EXPECT_LE(server_->app_backends(), 5) << "the limit, and one that PgBouncer resets";
  load.stop();
  EXPECT_THAT(load.lost_or_doubled(*server_), IsEmpty());
  EXPECT_EQ(std::to_string(pod.facts().at("facts").at("maxConnections").get<int>()),
            server_->superuser("SHOW max_connections").at(0));
  EXPECT_EQ(pod.stop(), 0) << pod.log();
}

// Connects beyond the pooler's own limit wait in it until they fail; what is open does the work.
TEST_F(DataStoragePoolerTest, ServesWithFewerServerConnectionsThanItsLimit) {
  const postgres::testing::PgBouncer pooler(*server_, "session", {"default_pool_size = 2"});
  Pod pod(pooler.connect_options());
  pod.config.pool["maxOpenConns"] = 8;
  pod.config.pool["connectTimeout"] = 1000;
  pod.write_config();
  testing::start_ready(pod);
  Load load(pod.api_port());
  EXPECT_TRUE(load.sees(201, 500)) << pod.log();
  EXPECT_TRUE(testing::eventually([&] {
    const auto facts = pod.facts();
    return facts.at("reachable") == true &&
           facts.value("detail", "").find("no server connection left") != std::string::npos;
  })) << pod.facts().dump();
  EXPECT_TRUE(load.sees(201, 500)) << pod.log();
  EXPECT_LE(server_->app_backends(), 2);
  load.stop();
  EXPECT_TRUE(testing::eventually([&] { return pod.metric("storagepool_journal_waiting_events") == 0; }));
  EXPECT_THAT(load.lost_or_doubled(*server_), IsEmpty());
}

TEST_F(DataStoragePoolerTest, RefusesToShareSessionsAndSaysSo) {
  const postgres::testing::PgBouncer pooler(*server_, "transaction");
  Pod pod(pooler.connect_options());
  pod.start();
  EXPECT_TRUE(testing::eventually([&] {
    const auto facts = pod.facts();
    return facts.at("reachable") == false && facts.value("fault", "") == "other";
  })) << pod.facts().dump();
  EXPECT_THAT(pod.facts().at("detail").get<std::string>(), HasSubstr("it needs pool_mode = session"));
  EXPECT_THAT(pod.health("/readyz").body, HasSubstr("docs/poolers.md"));
  const auto status = pod.create(testing::valid_event()).status;
  EXPECT_TRUE(status == 503U || status == 202U)
      << status;  // 202 if the schema was made before it was noticed
}

}  // namespace
}  // namespace storagepool::service
