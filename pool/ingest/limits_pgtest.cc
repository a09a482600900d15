// The bounds of the ingest on a real server: what it refuses, whom it lets wait and for how long.
#include "pool/ingest/ingest.h"

#include "pool/ingest/testing/ingest_fixture.h"

namespace storagepool::ingest {
namespace {

using testing::Call;
using testing::in;
using testing::IngestTest;
using testing::Kind;
using testing::new_event;
using testing::Pod;
using testing::run;
using namespace std::chrono_literals;

// Keeps every INSERT waiting until it is destroyed.
class TableLock {
 public:
  TableLock(boost::asio::io_context& context, const postgres::testing::Server& server)
      : context_(context), pod_(context, server, {}, 1) {
    auto acquired = run(context, pod_.engine.acquire("audit", in(20s)));
    if (!acquired) throw std::runtime_error(acquired.error().detail);
    lease_.emplace(std::move(*acquired));
    const auto locked =
        run(context, (*lease_)->execute("BEGIN; LOCK TABLE audit_events IN SHARE MODE", in(20s)));
    if (!locked) throw std::runtime_error(locked.error().detail);
  }
  ~TableLock() {
    run(context_, (*lease_)->execute("ROLLBACK", in(20s)));
    lease_.reset();
    EXPECT_TRUE(run(context_, pod_.engine.drain(in(20s))));
  }
  TableLock(const TableLock&) = delete;
  TableLock& operator=(const TableLock&) = delete;

 private:
  boost::asio::io_context& context_;
  Pod pod_;
  std::optional<engine::Lease> lease_;
};

TEST_F(IngestTest, RefusesAtOnceWhatExceedsItsQueue) {
  Pod& pod = make_pod({.max_queued_events = 10}, 2);
  std::vector<engine::Lease> hold;
  for (int i = 0; i < 2; ++i) hold.push_back(hold_connection(pod));
  for (int i = 0; i < 5; ++i) start(pod.ingest, {new_event()});
  const Call& one_too_many = start(pod.ingest, {new_event()});
  const Call& elsewhere = start(pod.ingest, {new_event()}, 30s, "audit_ws_a");
  wait_until([&] { return one_too_many.answer && pod.ingest.statistics().load.events == 6; });
  EXPECT_EQ(one_too_many.refused(), Kind::kOverloaded);
  EXPECT_GE(one_too_many.answer->error().retry_after, 1s);
  EXPECT_EQ(pod.ingest.statistics().counters.overloaded, 1U);
  hold.clear();
  finish();
  EXPECT_TRUE(elsewhere.stored());
  EXPECT_EQ(count(), "5");
  must_store(pod.ingest, {new_event()});
}

TEST_F(IngestTest, BoundsTheBytesInItsQueue) {
  Pod& pod = make_pod({.max_queued_bytes = 1'000'000}, 1);
  std::optional<engine::Lease> hold = hold_connection(pod);
  event::Event large = new_event();
  large.error_message.emplace(300'000, 'x');
  start(pod.ingest, {large});
  const Call& refused = start(pod.ingest, {large});
  wait_until([&] { return refused.answer.has_value(); });
  EXPECT_EQ(refused.refused(), Kind::kOverloaded);
  hold.reset();
  finish();
  EXPECT_EQ(count(), "1");
}

TEST_F(IngestTest, ACallThatWaitsForAConnectionIsAnsweredByItsDeadline) {
  Pod& pod = make_pod({}, 1);
  std::optional<engine::Lease> hold = hold_connection(pod);
  const Call& patient = start(pod.ingest, {new_event()}, 30s);
  const Call& hasty = start(pod.ingest, {new_event()}, 50ms);
  wait_until([&] { return hasty.answer.has_value(); });
  EXPECT_EQ(hasty.refused(), Kind::kUnavailable);
  EXPECT_GE(hasty.answer->error().retry_after, 1s);
  EXPECT_FALSE(patient.answer);
  EXPECT_EQ(pod.ingest.statistics().counters.expired, 1U);
  hold.reset();
  finish();
  EXPECT_TRUE(patient.stored());
  EXPECT_EQ(count(), "1") << "what was refused must not be stored later";
}

TEST_F(IngestTest, ACallThatIsBeingWrittenIsAnsweredByWhatHappens) {
  Pod& pod = make_pod({.grace = 20s});
  // So that there is a connection: the call has no time to wait for one.
  must_store(pod.ingest, {new_event()});
  auto lock = std::make_unique<TableLock>(context_, *server_);
  const Call& call = start(pod.ingest, {new_event()}, 50ms);
  const auto past_deadline = in(100ms);
  wait_until([&] { return std::chrono::steady_clock::now() > past_deadline; });
  EXPECT_FALSE(call.answer);
  lock.reset();
  finish();
  EXPECT_TRUE(call.stored());
}

TEST_F(IngestTest, ACallThatIsBeingWrittenDoesNotWaitForEver) {
  Pod& pod = make_pod({.grace = 100ms});
  const TableLock lock(context_, *server_);
  const Call& call = start(pod.ingest, {new_event()}, 50ms);
  finish();
  EXPECT_EQ(call.refused(), Kind::kUnavailable);
}

TEST_F(IngestTest, ACallThatGivesUpLeavesTheQueueOrWhatIsWrittenBehind) {
  Pod& pod = make_pod({.turns_per_database = 1});
  std::string committed;
  pod.ingest.on_outcome([&](const std::string& database, const tables::StoreError* error) {
    if (error == nullptr) committed += database + " ";
  });
  auto lock = std::make_unique<TableLock>(context_, *server_);
  bool gives_up = false;
  // As long as it is moved on, the time to give up does not come.
  const auto moving = [&] { return gives_up ? in(-1ms) : in(5ms); };
  const Call& written = start(pod.ingest, {new_event()}, 30s, "audit", moving);
  wait_until([] {
    return sql("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'audit_events'::regclass") ==
           "1";
  });
  const Call& queued = start(pod.ingest, {new_event()}, 30s, "audit", moving);
  const Call& late = start(pod.ingest, {new_event()}, 50ms, "audit", moving);
  wait_until([&] { return late.answer.has_value(); });
  EXPECT_EQ(late.refused(), Kind::kUnavailable);
  EXPECT_FALSE(written.answer || queued.answer);
  gives_up = true;
  finish();
  EXPECT_EQ(written.refused(), Kind::kUnavailable);
  EXPECT_EQ(queued.refused(), Kind::kUnavailable);
  EXPECT_EQ(pod.ingest.statistics().load.events, 1U) << "it is still being written";
  EXPECT_EQ(committed, "");
  lock.reset();
  wait_until([&] { return pod.ingest.statistics().load.events == 0; });
  EXPECT_EQ(count(), "1");
  EXPECT_EQ(committed, "audit ");
}

TEST_F(IngestTest, ADatabaseThatIsStuckDoesNotHoldUpTheOthers) {
  Pod& pod = make_pod();
  auto lock = std::make_unique<TableLock>(context_, *server_);
  std::vector<const Call*> stuck;
  for (int i = 0; i < 20; ++i) {
    stuck.push_back(&start(pod.ingest, {new_event()}));
    const Call& other = start(pod.ingest, {new_event()}, 30s, "audit_ws_b");
    wait_until([&] { return other.answer.has_value(); });
    EXPECT_TRUE(other.stored());
  }
  for (const Call* call : stuck) EXPECT_FALSE(call->answer);
  lock.reset();
  finish();
  EXPECT_EQ(count(), "20");
  EXPECT_EQ(count("audit_ws_b"), "20");
}

TEST_F(IngestTest, DrainingFinishesWhatWasAccepted) {
  Pod& pod = make_pod();
  for (int i = 0; i < 100; ++i) start(pod.ingest, {new_event()}, 30s, kDatabases[i % 3]);
  wait_until([&] { return pod.ingest.statistics().load.events > 0; });
  EXPECT_TRUE(run(context_, pod.ingest.drain(in(30s))));
  EXPECT_EQ(pod.ingest.statistics().load.events, 0U);
  const Call& late = start(pod.ingest, {new_event()});
  finish();
  EXPECT_EQ(late.refused(), Kind::kUnavailable);
  int stored = 0;
  for (const Call& call : calls_) stored += call.stored() ? 1 : 0;
  EXPECT_EQ(stored, 100);
}

TEST_F(IngestTest, DrainingEndsAtItsDeadline) {
  Pod& pod = make_pod();
  auto lock = std::make_unique<TableLock>(context_, *server_);
  const Call& call = start(pod.ingest, {new_event()});
  wait_until([&] { return pod.ingest.statistics().load.events > 0; });
  EXPECT_FALSE(run(context_, pod.ingest.drain(in(50ms))));
  lock.reset();
  finish();
  EXPECT_TRUE(call.stored());
}

}  // namespace
}  // namespace storagepool::ingest
