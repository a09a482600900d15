// What pgxpool and puddle promise of a connection that comes back or is not waited for any more, and
// database/sql of connections that died: on a real server.
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gtest/gtest.h>

#include "pool/engine/conformance/testing/fixture.h"

namespace storagepool::engine {
namespace {

class ConformanceRelease : public ConformanceTest {
 protected:
  static void SetUpTestSuite() {
    start_server();
    server_->superuser("CREATE DATABASE audit_ws_a OWNER app");
    server_->superuser("CREATE TABLE notes (n int)", "audit");
    server_->superuser("GRANT ALL ON notes TO app", "audit");
  }
};

// pgxpool TestConnReleaseClosesConnInTransaction (ours rolls back instead): whoever waits gets the connection
// only when its transaction is gone, and with it what was done in it.
TEST_F(ConformanceRelease, AWaiterNeverSeesTheTransactionOfTheLeaseBefore) {
  make({.max_open_conns = 1});
  std::string first;
  std::string seen;
  {
    Lease lease = this->lease();
    first = backend(lease);
    value(lease, "BEGIN; INSERT INTO notes VALUES (1); SELECT 1");
    start_statement(
        "SELECT pg_backend_pid() || ' ' || (SELECT count(*) FROM notes) || ' ' || "
        "coalesce(txid_current_if_assigned()::text, 'none')",
        [&](const std::string& answer) { seen = answer; });
    wait_until([&] { return engine_->statistics().waiting == 1; });
  }
  wait_until([&] { return !seen.empty(); });
  EXPECT_EQ(seen, first + " 0 none");
}

// pgxpool TestConnReleaseClosesConnInFailedTransaction: the same of a transaction that has failed.
TEST_F(ConformanceRelease, AFailedTransactionIsGoneBeforeTheNextLease) {
  make({.max_open_conns = 1});
  std::string first;
  {
    Lease lease = this->lease();
    first = backend(lease);
    value(lease, "BEGIN; SELECT 1");
    ASSERT_FALSE(run(context_, lease->execute("SELECT 1/0", in(20s))));
    ASSERT_TRUE(lease->in_transaction());
  }
  Lease next = lease();
  EXPECT_FALSE(next->in_transaction());
  EXPECT_EQ(backend(next), first);
}

// pgxpool TestConnReleaseClosesBusyConn: a connection in the middle of a protocol exchange (here COPY) is
// closed and its backend is gone before another takes its place.
TEST_F(ConformanceRelease, ABusyConnectionIsClosed) {
  make({.max_open_conns = 1});
  for (const char* copy :
       {"COPY notes FROM STDIN", "COPY (SELECT 1) TO STDOUT", "BEGIN; COPY notes FROM STDIN"}) {
    SCOPED_TRACE(copy);
    std::string first;
    {
      Lease lease = this->lease();
      first = backend(lease);
      ASSERT_FALSE(run(context_, lease->execute(copy, in(20s))));
    }
    Lease next = lease();
    EXPECT_NE(backend(next), first);
    EXPECT_FALSE(next->in_transaction());
    EXPECT_EQ(server_->app_backends(), 1);
  }
}

// pgxpool TestConnReleaseDestroysClosedConn: a backend killed while it was leased, in or out of a
// transaction, is not handed out again and keeps no token.
TEST_F(ConformanceRelease, AConnectionThatDiedInUseIsReplaced) {
  int lost = 0;
  make({.max_open_conns = 1},
       {.on_connected = {}, .on_connect_failed = {}, .on_connection_lost = [&] { ++lost; }});
  for (const char* before : {"SELECT 1", "BEGIN; SELECT 1"}) {
    SCOPED_TRACE(before);
    const int lost_before = lost;
    {
      Lease lease = this->lease();
      value(lease, before);
      server_->terminate("pid = " + backend(lease));
      ASSERT_FALSE(run(context_, lease->execute("SELECT 1", in(20s))));
    }
    Lease next = lease();
    EXPECT_EQ(value(next, "SELECT 1"), "1");
    EXPECT_EQ(sockets(), 1);
    wait_until([&] { return lost == lost_before + 1; });
  }
}

// The same where the death is news to the engine only when it rolls back.
TEST_F(ConformanceRelease, ARollbackOnADeadConnectionFreesItsToken) {
  make({.max_open_conns = 1});
  std::string first;
  {
    Lease lease = this->lease();
    first = backend(lease);
    value(lease, "BEGIN; SELECT 1");
    server_->terminate("pid = " + first);
  }
  Lease next = lease();
  EXPECT_NE(backend(next), first);
}

// puddle, acquire cancel does not cancel the constructor: the connect of a caller who gave up ends all the
// same, and the next caller gets its connection.
TEST_F(ConformanceRelease, CancelledAcquireDoesNotCancelTheConnect) {
  int connected = 0;
  make({.max_open_conns = 2, .connect_timeout = 20s},
       {.on_connected = [&] { ++connected; }, .on_connect_failed = {}, .on_connection_lost = {}});
  server_->pause();
  const auto gone = acquire(50ms);
  EXPECT_EQ(engine_->statistics().opening, 1);
  server_->resume();
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().reason, Reason::kDeadlineExceeded);
  wait_until([&] { return engine_->statistics().idle == 1; });
  Lease next = lease();
  EXPECT_EQ(value(next, "SELECT 1"), "1");
  EXPECT_EQ(connected, 1);
}

// puddle, a failed constructor signals the next waiter: the only token is passed on when the database that it
// was meant for does not exist.
TEST_F(ConformanceRelease, AFailedConnectPassesItsTokenOn) {
  make({.max_open_conns = 2, .max_conns_per_database = 1, .system_conns = 1});
  std::string missing = "unanswered";
  std::string served;
  start_statement(
      "SELECT 1", [&](const std::string& answer) { missing = answer; }, "audit_ws_missing");
  start_statement(
      "SELECT current_database()", [&](const std::string& answer) { served = answer; }, "audit_ws_a");
  wait_until([&] { return missing != "unanswered" && !served.empty(); });
  EXPECT_EQ(missing, "");
  EXPECT_EQ(served, "audit_ws_a");
  EXPECT_EQ(engine_->statistics().connect_failures, 1);
}

// puddle, close blocks until all are released: a drain is not over while one of two leases is out, and not
// before the server has let go of both.
TEST_F(ConformanceRelease, DrainBlocksUntilAllAreReleased) {
  make({.max_open_conns = 3});
  bool drained = false;
  {
    Lease first = lease();
    Lease second = lease();
    { Lease third = lease(); }
    boost::asio::co_spawn(
        context_,
        [](Engine& engine, bool& done) -> boost::asio::awaitable<void> {
          done = co_await engine.drain(in(kPatience));
        }(*engine_, drained),
        boost::asio::detached);
    wait_until([&] { return server_->app_backends() == 2; });
    EXPECT_EQ(value(first, "SELECT 1"), "1");
    { const Lease released = std::move(first); }
    wait_until([&] { return server_->app_backends() == 1; });
    EXPECT_FALSE(drained);
    EXPECT_EQ(value(second, "SELECT 1"), "1");
  }
  wait_until([&] { return drained; });
  EXPECT_EQ(server_->app_backends(), 0);
}

// database/sql TestManyErrBadConn: more dead connections in the pool than any number of retries would get
// past, and the next caller still gets a live one, at the first try and without an error.
TEST_F(ConformanceRelease, ManyDeadConnectionsAreNoError) {
  int lost = 0;
  make({.max_open_conns = 8, .max_idle_conns = 8},
       {.on_connected = {}, .on_connect_failed = {}, .on_connection_lost = [&] { ++lost; }});
  { const auto all = lease_several(8); }
  ASSERT_EQ(engine_->statistics().idle, 8);
  server_->terminate("usename = 'app'");
  outwait_trust();
  Lease next = lease();
  EXPECT_EQ(value(next, "SELECT 1"), "1");
  wait_until([&] { return lost == 8; });
  EXPECT_EQ(engine_->statistics().in_use, 1);
  wait_until([&] { return sockets() == 1; });
  EXPECT_EQ(server_->app_backends(), 1);
}

}  // namespace
}  // namespace storagepool::engine
