// A failover as it happens in production, under load: the primary dies, its standby is promoted, and the old
// primary comes back as a standby, all behind the one address that the program knows. The standby is
// synchronous, without which PostgreSQL itself loses what it had committed last.
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/postgres/testing/relay.h"
#include "pool/service/program_tests/testing/load.h"
#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using postgres::testing::Relay;
using postgres::testing::Server;
using std::chrono::steady_clock;
using testing::eventually;
using ::testing::IsEmpty;
using testing::Load;

postgres::ConnectOptions through(const Relay& relay, postgres::ConnectOptions options) {
  options.port = relay.port();
  return options;
}

class DataStorageFailoverTest : public ::testing::Test {
 protected:
  static constexpr const char* kFailures = "storagepool_pool_connect_failures_total";

  DataStorageFailoverTest() { wait_for_each_other(first_, *second_); }

  // As who orders failovers does while both are up, and not while the other is gone.
  static void wait_for_each_other(const Server& primary, const Server& standby) {
    standby.superuser("ALTER SYSTEM SET synchronous_standby_names = ''");
    standby.superuser("SELECT pg_reload_conf()");
    primary.superuser("ALTER SYSTEM SET synchronous_standby_names = '*'");
    primary.superuser("SELECT pg_reload_conf()");
    ASSERT_TRUE(eventually([&] {
      return primary.superuser("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'").at(0) ==
             "1";
    }));
  }
  // Sessions of the program on a server.
  static int sessions(const Server& server) {
    return std::stoi(
        server.superuser("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'storagepool%'")
            .at(0));
  }
  // The primary is killed and the standby takes its place. Prints how long writes took to come back.
  void fail_over(Server& primary, Server& standby, const Load& load) {
    primary.kill();
    EXPECT_TRUE(load.sees(202, 100)) << pod_.log();
    standby.promote();
    relay_.lead_to(standby.port());
    const auto promoted = steady_clock::now();
    const double failures = pod_.metric(kFailures);
    EXPECT_TRUE(load.sees(201, 1)) << pod_.log();
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - promoted).count();
    std::printf("writes into the new primary: %lld ms after the promotion\n", static_cast<long long>(took));
    // One attempt may have been under way; the next one is admitted.
    EXPECT_LE(pod_.metric(kFailures), failures + 1);
    EXPECT_TRUE(load.sees(201, 200)) << pod_.log();
  }

  Server first_;
  std::unique_ptr<Server> second_ = Server::standby_of(first_);
  Relay relay_{first_.port(), Relay::Ends::kCarried};
  testing::Pod pod_{through(relay_, first_.connect_options())};
};

TEST_F(DataStorageFailoverTest, LosesNothingAndKeepsNoSessionToTheOldPrimary) {
  testing::start_ready(pod_);
  Load load(pod_.api_port());
  ASSERT_TRUE(load.sees(201, 200)) << pod_.log();
  EXPECT_GT(sessions(first_), 0);

  fail_over(first_, *second_, load);
  first_.follow(*second_);
  wait_for_each_other(*second_, first_);
  EXPECT_EQ(sessions(first_), 0);
  EXPECT_GT(sessions(*second_), 0);

  // The name leads to the standby for a while, as it does when whoever balances does not know who is which.
  relay_.lead_to(first_.port());
  second_->terminate("application_name LIKE 'storagepool%'");
  EXPECT_TRUE(load.sees(202, 100)) << pod_.log();
  EXPECT_TRUE(pod_.reports("read_only")) << pod_.facts().dump();
  relay_.lead_to(second_->port());
  EXPECT_TRUE(load.sees(201, 200)) << pod_.log();
  EXPECT_TRUE(eventually([&] { return sessions(first_) == 0; }));

  // And back again.
  fail_over(*second_, first_, load);
  load.stop();
  EXPECT_TRUE(eventually([&] { return pod_.metric("storagepool_journal_waiting_events") == 0; }))
      << pod_.log();
  EXPECT_EQ(pod_.metric("storagepool_journal_set_aside_units"), 0);
  EXPECT_THAT(load.lost_or_doubled(first_), IsEmpty());
  const double stored = std::stod(first_.superuser("SELECT count(*) FROM audit_events", "audit").at(0));
  EXPECT_TRUE(eventually([&] { return pod_.metric("storagepool_log_size") == stored; })) << pod_.log();
  EXPECT_EQ(pod_.facts().at("log").at("alarm"), "") << "the log goes on behind all that was shown of it";
  EXPECT_EQ(pod_.stop(), 0) << pod_.log();
}

}  // namespace
}  // namespace storagepool::service
