// A test with a PostgreSQL server, a database of this release, and what writes batches, seals them, and reads
// the log back.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/encoding/encoding.h"
#include "pool/evidence/sealing/sealer.h"
#include "pool/evidence/sealing/slices.h"
#include "pool/evidence/sealing/testing/batches.h"
#include "pool/tables/testing/migrated_database.h"

namespace storagepool::evidence::testing {

// A clock that a test sets by hand.
class HandClock : public runtime::Clock {
 public:
  runtime::TimePoint now() const override { return now_; }
  runtime::Timestamp wall() const override { return {}; }
  void pass(std::chrono::milliseconds time) { now_ += time; }

 private:
  runtime::TimePoint now_{std::chrono::hours{1}};
};

// On which a slice of the thread (slices.h) has passed each time that it is asked.
template <typename Clock>
class TickingClock : public Clock {
 public:
  runtime::TimePoint now() const override { return now_ += Slices::kShortest; }

 private:
  mutable runtime::TimePoint now_{std::chrono::hours{1}};
};

inline const tlog::NoteKey& note_key() {
  static const auto key = tlog::NoteKey::of_seed(tlog::KeyKind::kLog, kOrigin, kSeed);
  return *key;
}

// The statement of a batch of events with the numbers from `first`.
inline std::string insert_batch(std::int64_t batch, std::uint64_t first, std::int64_t events = 1) {
  const Batch made = batch_of({0, batch}, first, events);
  return "INSERT INTO audit_batches (batch, events, entries, mac) VALUES (" + std::to_string(batch) + ", " +
         std::to_string(events) + ", '\\x" + encoding::encode_hex(made.entries) + "', '\\x" +
         encoding::encode_hex(made.mac) + "')";
}

class LogDatabaseTest : public tables::testing::MigratedDatabaseTest {
 protected:
  using Did = SealingResult::Did;
  using Kind = Alarm::Kind;

  static void SetUpTestSuite() {
    server_ = std::make_unique<postgres::testing::Server>(
        postgres::testing::ServerOptions{.settings = {"max_prepared_transactions=40", "max_connections=80"}});
  }
  void SetUp() override {
    MigratedDatabaseTest::SetUp();
    sealer_ = make_sealer();
  }

  std::unique_ptr<Sealer> make_sealer(const std::string& seed = kSeed) {
    const std::vector<Keys> keys{make_keys(seed)};
    return std::make_unique<Sealer>(kOrigin, keys, note_key(), clock_);
  }
  tl::expected<SealingResult, postgres::Error> try_seal(postgres::Connection& connection) {
    return postgres::testing::run(context_, sealer_->seal(connection, deadline()));
  }
  SealingResult seal() { return must(try_seal(*session_)); }
  // Until there is nothing more to be done at once; the last result, with all alarms.
  SealingResult seal_all() {
    SealingResult all;
    do {
      SealingResult one = seal();
      one.alarms.insert(one.alarms.begin(), all.alarms.begin(), all.alarms.end());
      one.batches += all.batches;
      all = std::move(one);
    } while (all.again);
    return all;
  }
  static std::vector<Kind> kinds_of(const SealingResult& result) {
    std::vector<Kind> kinds;
    for (const Alarm& alarm : result.alarms) kinds.push_back(alarm.kind);
    return kinds;
  }
  void commit(std::int64_t batch, std::uint64_t first, std::int64_t events = 1) {
    execute(*session_, insert_batch(batch, first, events));
  }
  // What whoever may write rows does, and what comes of it.
  void expect_refused(const std::string& attack, Kind kind) {
    const auto shown = sealer_->checkpoint();
    superuser(attack);
    const SealingResult result = seal();
    EXPECT_EQ(result.did, Did::kRefused);
    EXPECT_THAT(kinds_of(result), ::testing::ElementsAre(kind));
    EXPECT_EQ(sealer_->checkpoint(), shown);
  }

  static std::string value(const std::string& sql) {
    const auto rows = superuser(sql);
    return rows.empty() ? "" : rows[0];
  }
  // The numbers of the log's events in its order, as seals and batches have them. Their roots must be those
  // of the state, and of what the sealer has signed.
  std::vector<std::uint64_t> log() {
    const auto rows = superuser(R"sql(
      SELECT encode(substring(entries FROM (o - 1)::int * 67 + 1 FOR 67), 'hex')
      FROM audit_seals AS s, unnest(batches, counts) WITH ORDINALITY AS u (id, n, place)
      JOIN audit_batches AS b ON b.batch = u.id,
      unnest(coalesce(b.kept, ARRAY(SELECT generate_series(1, octet_length(entries) / 67))))
        WITH ORDINALITY AS k (o, at)
      ORDER BY first_seq, place, at)sql");
    std::vector<std::uint64_t> numbers;
    std::vector<std::string> entries;
    for (const std::string& row : rows) {
      entries.push_back(encoding::decode_hex(row).value());
      std::uint64_t number = 0;
      for (const char byte : entries.back().substr(9, 8))
        number = number << 8 | static_cast<std::uint8_t>(byte);
      numbers.push_back(number);
    }
    const LogState state = state_of(entries);
    EXPECT_EQ(value("SELECT encode(frontier, 'hex') FROM audit_log"),
              encoding::encode_hex(state.frontier.bytes()));
    EXPECT_EQ(value("SELECT size FROM audit_log"), std::to_string(entries.size()));
    EXPECT_EQ(value("SELECT coalesce(sum(events), 0) FROM audit_expiry"), std::to_string(entries.size()));
    EXPECT_EQ(value("SELECT count(*) FROM audit_nodes"), std::to_string(entries.size() / 256));
    EXPECT_EQ(
        value(
            "SELECT count(*) FROM (SELECT first_seq, sum(size) OVER (ORDER BY first_seq) - size AS expected "
            "FROM audit_seals) AS seals WHERE first_seq <> expected"),
        "0");
    if (sealer_->checkpoint()) {
      tlog::Hasher hasher;
      EXPECT_EQ(sealer_->checkpoint()->text, checkpoint_of(state, hasher).write());
      EXPECT_TRUE(note_key().verify(*sealer_->checkpoint()));
    }
    return numbers;
  }

  HandClock clock_;
  std::unique_ptr<Sealer> sealer_;
};

// Has something done before a statement is sent, such as that its backend is ended; or loses the answer of
// one that was carried out.
class FaultyConnection : public postgres::Connection {
 public:
  enum class Fault { kBefore, kAnswerLost };
  // `at`: counted from 1. `act`: what is done then.
  FaultyConnection(postgres::Connection& connection, int at, Fault fault, std::function<void()> act)
      : connection_(connection), at_(at), fault_(fault), act_(std::move(act)) {}

  using Answer = boost::asio::awaitable<tl::expected<postgres::Result, postgres::Error>>;
  Answer query(std::string_view sql, std::vector<postgres::Parameter> parameters,
               postgres::Deadline deadline) override {
    return perform(sql, connection_.query(sql, std::move(parameters), deadline));
  }
  Answer query_once(std::string_view sql, std::vector<postgres::Parameter> parameters,
                    postgres::Deadline deadline) override {
    return perform(sql, connection_.query_once(sql, std::move(parameters), deadline));
  }
  boost::asio::awaitable<tl::expected<postgres::Rows, postgres::Error>> fetch(
      std::string_view sql, std::vector<postgres::Parameter> parameters, postgres::Deadline deadline,
      postgres::Fetch how) override {
    return perform(sql, connection_.fetch(sql, std::move(parameters), deadline, how));
  }
  Answer execute(std::string_view sql, postgres::Deadline deadline) override {
    return perform(sql, connection_.execute(sql, deadline));
  }
  bool usable() const override { return connection_.usable() && !lost_; }
  bool in_transaction() const override { return connection_.in_transaction(); }
  void set_limits(std::chrono::milliseconds, std::chrono::milliseconds, std::size_t) override {}
  void set_synchronous_commit(std::string) override {}

  int statements() const { return count_; }
  bool between_statements() const { return count_ > 0 && !under_way_; }
  const std::string& hit() const { return hit_; }  // the statement that met the fault

 private:
  template <typename Statement>
  Statement perform(std::string_view sql, Statement statement) {
    const bool now = ++count_ == at_;
    if (now) hit_ = sql;
    if (now && fault_ == Fault::kBefore) act_();
    under_way_ = true;
    auto answer = co_await std::move(statement);
    under_way_ = false;
    if (now && fault_ == Fault::kAnswerLost) {
      act_();
      lost_ = true;
      postgres::Error error;
      error.error_class = postgres::ErrorClass::kConnectionLost;
      co_return tl::unexpected(std::move(error));
    }
    co_return std::move(answer);
  }

  postgres::Connection& connection_;
  int at_;
  Fault fault_;
  std::function<void()> act_;
  int count_ = 0;
  bool under_way_ = false;
  bool lost_ = false;
  std::string hit_;
};

// How many turns somebody who always wants the thread has of it between the statements of some work on that
// connection.
inline int turns_of_others(boost::asio::io_context& context, const FaultyConnection& connection,
                           const std::function<void()>& work) {
  int turns = 0;
  bool done = false;
  std::function<void()> other = [&] {
    if (connection.between_statements()) ++turns;
    if (!done) boost::asio::post(context, other);
  };
  boost::asio::post(context, other);
  work();
  done = true;
  context.restart();
  context.poll();
  return turns;
}

}  // namespace storagepool::evidence::testing
