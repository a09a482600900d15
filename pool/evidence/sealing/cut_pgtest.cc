// Writers at their worst beside two sealers that are killed: every committed batch is in the log once, in an
// order that extends what its writers were told.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/evidence/sealing/testing/log_database.h"

namespace storagepool::evidence {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using testing::FaultyConnection;
using testing::insert_batch;

class CutTest : public testing::LogDatabaseTest {
 protected:
  static constexpr int kWriters = 32;
  static constexpr int kTransactions = 8;  // of each

  struct Written {
    std::uint64_t began = 0;  // before anything of it was sent
    std::uint64_t told = 0;   // once its commit was answered
  };

  void SetUp() override {
    LogDatabaseTest::SetUp();
    superuser("CREATE TABLE IF NOT EXISTS elsewhere (i int); GRANT ALL ON elsewhere TO app");
    if (const char* given = std::getenv("STORAGEPOOL_TEST_SEED")) seed_ = std::strtoull(given, nullptr, 10);
    random_.seed(seed_);
    std::printf("again with STORAGEPOOL_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed_));
  }
  void TearDown() override { superuser("DROP TABLE elsewhere"); }

  static awaitable<void> pause(std::chrono::milliseconds time) {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, time);
    co_await timer.async_wait(boost::asio::use_awaitable);
  }
  awaitable<void> linger() { co_await pause(std::chrono::milliseconds(random_() % 25)); }
  static awaitable<void> run(postgres::Connection& connection, std::string sql) {
    const auto done = co_await connection.execute(sql, deadline());
    EXPECT_TRUE(done) << done.error().detail << ": " << sql.substr(0, 60);
  }

  // One transaction that commits a batch; ids are of a clock that is not the order of commits.
  awaitable<void> write_one(postgres::Session& session, std::uint64_t number) {
    const auto batch =
        static_cast<std::int64_t>((number * 1000 + random_() % 20'000'000) * 1000 + number % 1000);
    const std::string insert = insert_batch(batch, number);
    const std::string id = "'held " + std::to_string(number) + "'";
    written_[number].began = ++clock_of_events_;
    switch (one_statement_ ? 0 : random_() % 7) {
      case 0:
      case 1:
        co_await run(session, insert);
        break;
      case 2:
        co_await run(session, "BEGIN;" + insert);
        co_await linger();
        co_await run(session, "COMMIT");
        break;
      case 3:  // its id is older than its batch
        co_await run(session, "BEGIN; SELECT pg_current_xact_id()");
        co_await linger();
        co_await run(session, insert + "; COMMIT");
        break;
      case 4:
        co_await run(session, "BEGIN; SAVEPOINT a;" + insert + "; ROLLBACK TO a");
        co_await linger();
        co_await run(session, "SAVEPOINT b;" + insert + "; RELEASE b; COMMIT");
        break;
      case 5:
        co_await run(session, "BEGIN;" + insert + "; PREPARE TRANSACTION " + id);
        co_await linger();
        co_await run(session, "COMMIT PREPARED " + id);
        break;
      default:
        co_await run(session, "BEGIN; INSERT INTO elsewhere VALUES (1);" + insert);
        co_await linger();
        co_await run(session, "COMMIT");
    }
    written_[number].told = ++clock_of_events_;
  }

  awaitable<void> write(postgres::Session& session, std::uint64_t first) {
    for (std::uint64_t number = first; number < first + kTransactions; ++number) {
      if (random_() % 6 == 0) {
        co_await run(session, "BEGIN;" + insert_batch(static_cast<std::int64_t>(random_() >> 1), 1'000'000));
        co_await linger();
        co_await run(session, "ROLLBACK");
      }
      co_await write_one(session, number);
      co_await linger();
    }
    --writing_;
  }

  // Seals until all writers have ended, and is killed now and then.
  awaitable<void> seal_beside(Sealer& sealer, std::unique_ptr<postgres::Session> session) {
    while (writing_ > 0) {
      const auto pid = co_await session->execute("SELECT pg_backend_pid()", deadline());
      const int at = random_() % 3 == 0 ? static_cast<int>(1 + random_() % 8) : 0;
      const auto fault =
          random_() % 2 == 0 ? FaultyConnection::Fault::kBefore : FaultyConnection::Fault::kAnswerLost;
      FaultyConnection faulty(*session, at, fault,
                              [pid = pid->rows.at(0).at(0).value()] { server_->terminate("pid = " + pid); });
      const auto sealed = co_await sealer.seal(faulty, deadline());
      if (sealed) {
        EXPECT_THAT(sealed->alarms, ::testing::IsEmpty()) << sealed->alarms.at(0).detail;
      } else {
        ++killed_;
      }
      if (!session->usable() || faulty.hit() != "") {
        auto again =
            co_await postgres::connect(context_.get_executor(), server_->connect_options(), deadline());
        EXPECT_TRUE(again);
        session = *std::move(again);
      }
      if (one_statement_) clock_.pass(500ms);
      co_await pause(2ms);
    }
  }

  void run_writers() {
    std::vector<std::unique_ptr<postgres::Session>> writers;
    for (int i = 0; i < kWriters; ++i) writers.push_back(open());
    const auto other = make_sealer();
    writing_ = kWriters;
    for (std::size_t i = 0; i < writers.size(); ++i) start(write(*writers[i], i * kTransactions));
    start(seal_beside(*sealer_, open()));
    start(seal_beside(*other, open()));
    const auto give_up = postgres::testing::in(60s);
    while (pending_ > 0) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up);
      context_.restart();
      context_.run_one_until(give_up);
    }
    seal_all();
  }
  void start(awaitable<void> work) {
    ++pending_;
    boost::asio::co_spawn(context_, std::move(work), [this](const std::exception_ptr& thrown) {
      --pending_;
      if (thrown) std::rethrow_exception(thrown);
    });
  }

  void expect_right() {
    std::map<std::uint64_t, std::size_t> place;
    const auto numbers = log();
    for (std::size_t at = 0; at < numbers.size(); ++at)
      EXPECT_TRUE(place.try_emplace(numbers[at], at).second) << "twice";
    ASSERT_EQ(numbers.size(), written_.size());
    for (const auto& [number, written] : written_)
      ASSERT_TRUE(place.contains(number)) << number << " is not there";
    // What had been told before another was sent comes before it.
    for (const auto& [before, first] : written_) {
      for (const auto& [after, second] : written_) {
        if (first.told >= second.began) continue;
        ASSERT_LT(place[before], place[after]) << before << " and " << after;
      }
    }
  }

  std::uint64_t seed_ = std::random_device{}();
  std::mt19937_64 random_;
  std::map<std::uint64_t, Written> written_;
  std::uint64_t clock_of_events_ = 0;
  bool one_statement_ = false;  // as pods write; time passes, so that there are fences
  int writing_ = 0;
  int pending_ = 0;
  int killed_ = 0;
};

TEST_F(CutTest, LosesAndDoublesNothingBesideWritersAtTheirWorst) {
  run_writers();
  expect_right();
  EXPECT_GT(killed_, 0);
}

// Pods write each batch in one statement, which is what the fence relies on.
TEST_F(CutTest, TheFenceLosesNothingBesideALongTransaction) {
  const auto foreign = open();
  execute(*foreign, "BEGIN; INSERT INTO elsewhere VALUES (1)");
  one_statement_ = true;
  run_writers();
  commit(7, kWriters * kTransactions);
  written_[kWriters * kTransactions] = {++clock_of_events_, ++clock_of_events_};
  seal();
  clock_.pass(5s);
  EXPECT_TRUE(seal().fenced);
  execute(*foreign, "COMMIT");
  seal_all();
  expect_right();
}

}  // namespace
}  // namespace storagepool::evidence
