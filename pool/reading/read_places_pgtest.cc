// Reads and writes on one pool.
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gtest/gtest.h>

#include "pool/reading/testing/reading_fixture.h"

namespace storagepool::reading {
namespace {

class ReadsBesideWritesTest : public testing::ReadingFixture {
 protected:
  void limit(std::int64_t connections) {
    settings::Settings settings;
    settings.max_open_conns = connections;
    settings.max_idle_conns = connections;
    settings.system_conns = connections;
    engine_.reconfigure(settings);
  }
  void begin_lists(int count) {
    const auto work = [this]() -> boost::asio::awaitable<void> {
      const auto page = co_await reader_.list("audit", {}, deadline());
      EXPECT_TRUE(page) << page.error().detail;
      ++listed_;
    };
    for (int i = 0; i < count; ++i) boost::asio::co_spawn(context_, work, boost::asio::detached);
  }
  void begin_write() {
    const auto work = [this]() -> boost::asio::awaitable<void> {
      std::vector<event::Event> unit;
      unit.push_back(smallest());
      const auto stored = co_await ingest_.store("audit", std::move(unit), deadline());
      EXPECT_TRUE(stored) << stored.error().detail;
      ++written_;
    };
    boost::asio::co_spawn(context_, work, boost::asio::detached);
  }
  template <typename Condition>
  void wait_until(const Condition& condition) {
    const auto give_up = deadline();
    context_.restart();
    while (!condition() && std::chrono::steady_clock::now() < give_up)
      context_.run_one_for(std::chrono::milliseconds{10});
    ASSERT_TRUE(condition());
  }
  static int waiting_lists() {
    return std::stoi(
        superuser("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")[0]);
  }
  // Lists hang from now on until the lock is given back.
  void make_lists_slow() {
    blocker_ = open();
    execute(*blocker_, "SELECT pg_advisory_lock(1)");
    superuser(R"(ALTER TABLE audit_events RENAME TO all_events;
CREATE FUNCTION hang() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN true; END $$;
CREATE VIEW audit_events AS SELECT * FROM all_events WHERE hang() OFFSET 0;
CREATE FUNCTION store() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO all_events SELECT NEW.*; RETURN NEW; END $$;
CREATE TRIGGER store INSTEAD OF INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION store();
GRANT ALL ON audit_events TO app)");
  }

  std::unique_ptr<postgres::Session> blocker_;
  int listed_ = 0;
  int written_ = 0;
};

TEST_F(ReadsBesideWritesTest, WritesGoThroughWhileSlowReadsHoldAllTheyMay) {
  limit(4);
  must_insert(smallest());
  make_lists_slow();
  begin_lists(20);
  wait_until([] { return waiting_lists() == 3; });
  begin_write();
  wait_until([&] { return written_ == 1; });
  EXPECT_EQ(listed_, 0);
  EXPECT_EQ(waiting_lists(), 3);
  execute(*blocker_, "SELECT pg_advisory_unlock(1)");
  wait_until([&] { return listed_ == 20; });
}

// Else those who come again after they have given up wait for what nobody waits for any more.
TEST_F(ReadsBesideWritesTest, WhatItsClientHasGivenUpWhileItWaitedIsNotRead) {
  limit(4);
  must_insert(smallest());
  make_lists_slow();
  begin_lists(3);
  wait_until([] { return waiting_lists() == 3; });
  bool gone = false;
  int in_vain = 0;
  const Reader::Reserve reserve = [](std::int64_t) { return true; };
  const Reader::Gone has_gone = [&] { return gone; };
  const auto list = [&]() -> boost::asio::awaitable<void> {
    const auto page = co_await reader_.list("audit", {}, deadline(), reserve, has_gone);
    EXPECT_FALSE(page);
    ++in_vain;
  };
  const auto get = [&]() -> boost::asio::awaitable<void> {
    const auto found =
        co_await reader_.get("audit", event::new_event_id(clock_.wall()), deadline(), has_gone);
    EXPECT_FALSE(found);
    ++in_vain;
  };
  for (int i = 0; i < 10; ++i) {
    boost::asio::co_spawn(context_, list, boost::asio::detached);
    boost::asio::co_spawn(context_, get, boost::asio::detached);
  }
  begin_write();
  wait_until([&] { return written_ == 1; });
  EXPECT_EQ(in_vain, 0);
  gone = true;
  execute(*blocker_, "SELECT pg_advisory_unlock(1)");
  wait_until([&] { return listed_ == 3 && in_vain == 20; });
}

TEST_F(ReadsBesideWritesTest, OneConnectionServesBothInTurn) {
  limit(1);
  must_insert(smallest());
  begin_lists(20);
  begin_write();
  wait_until([&] { return written_ == 1; });
  EXPECT_LT(listed_, 20);
  wait_until([&] { return listed_ == 20; });
}

}  // namespace
}  // namespace storagepool::reading
