#include "pool/recording/replay.h"

#include <map>
#include <set>

#include <gmock/gmock.h>

#include "pool/journal/testing/faulty_vfs.h"
#include "pool/journal/testing/journal_fixture.h"

namespace storagepool::recording {
namespace {

using namespace std::chrono_literals;
using journal::testing::numbered_unit;
using postgres::testing::in;
using postgres::testing::run;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = tables::StoreError::Kind;

class ReplayTest : public journal::testing::JournalTest {
 protected:
  ReplayTest() { open(); }
  ~ReplayTest() override {
    if (replay_) stop();
    replay_.reset();
    journal_.reset();
  }

  struct Call {
    std::string workspace;
    std::vector<std::string> ids;
  };

  void start(ReplayLimits limits = {}, std::function<bool()> live = nullptr) {
    limits.shortest_backoff = 1ms;
    limits.longest_backoff = 2ms;
    replay_ = std::make_unique<Replay>(
        context_.get_executor(), *journal_,
        [this](std::string workspace, std::vector<event::Event> events) {
          return store(std::move(workspace), std::move(events));
        },
        runtime::system_clock(), ReplayOptions{.limits = limits, .live_requests_wait = std::move(live)});
    replay_->start();
  }
  void stop() { EXPECT_TRUE(run(context_, replay_->stop(in(20s)))); }
  // What PostgreSQL would do: all or nothing, and nothing twice.
  boost::asio::awaitable<tl::expected<void, tables::StoreError>> store(std::string workspace,
                                                                       std::vector<event::Event> events) {
    Call& call = calls_.emplace_back(Call{workspace, {}});
    for (const event::Event& event : events) call.ids.push_back(event.event_id);
    if (down_ != std::nullopt) co_return tl::unexpected(tables::StoreError{*down_, "PostgreSQL is away", {}});
    if (missing_.contains(workspace)) {
      co_return tl::unexpected(tables::StoreError{Kind::kDatabaseMissing, "no such workspace", {}});
    }
    for (const std::string& id : call.ids) {
      const auto refused = refused_.find(id);
      if (refused != refused_.end())
        co_return tl::unexpected(tables::StoreError{refused->second, "refused " + id, {}});
    }
    for (const std::string& id : call.ids) {
      if (keys_.insert(id).second) stored_.push_back(id);
    }
    co_return tl::expected<void, tables::StoreError>();
  }
  bool emptied() const { return journal_->statistics().waiting.units == 0; }

  std::vector<Call> calls_;
  std::vector<std::string> stored_;  // in order
  std::set<std::string> keys_;
  std::map<std::string, Kind> refused_;
  std::set<std::string> missing_;
  std::optional<Kind> down_;
  std::unique_ptr<Replay> replay_;
};

TEST_F(ReplayTest, StoresWhatWasThereAndWhatComesInOrder) {
  std::vector<std::string> expected;
  for (int i = 0; i < 30; ++i) {
    must_append(numbered_unit(1, i));
    expected.push_back(id(1, i));
  }
  start();
  ASSERT_TRUE(run_until([&] { return emptied(); }));
  must_append(numbered_unit(1, 30));
  expected.push_back(id(1, 30));
  ASSERT_TRUE(run_until([&] { return emptied() && replay_->statistics().events == 31; }));
  EXPECT_EQ(stored_, expected);
  // Batches of 1, 2, 4, 8, 15 and 1.
  EXPECT_EQ(calls_.size(), 6U);
  EXPECT_EQ(replay_->statistics().batches, 6);
  EXPECT_EQ(journal_->statistics().replayed.units, 31);
}

TEST_F(ReplayTest, BatchesAreOfOneWorkspaceEach) {
  for (int i = 0; i < 4; ++i) must_append(numbered_unit(1, i), i % 2 == 0 ? "a" : "b");
  start({.max_events = 500});
  ASSERT_TRUE(run_until([&] { return emptied(); }));
  std::map<std::string, std::vector<std::string>> of;
  for (const Call& call : calls_)
    of[call.workspace].insert(of[call.workspace].end(), call.ids.begin(), call.ids.end());
  EXPECT_THAT(of["a"], ElementsAre(id(1, 0), id(1, 2)));
  EXPECT_THAT(of["b"], ElementsAre(id(1, 1), id(1, 3)));
}

TEST_F(ReplayTest, NoBatchHoldsAnIdOfAClientTwice) {
  for (const int number : {1, 2, 3, 4, 4, 5, 6}) {
    auto unit = numbered_unit(1, number);
    unit[0].id_from_client = true;
    must_append(unit);
  }
  start();
  // What is taken third holds the same id twice.
  ASSERT_TRUE(run_until([&] { return emptied(); }));
  for (const Call& call : calls_) {
    EXPECT_EQ(std::set<std::string>(call.ids.begin(), call.ids.end()).size(), call.ids.size());
  }
  EXPECT_THAT(stored_, ElementsAre(id(1, 1), id(1, 2), id(1, 3), id(1, 4), id(1, 5), id(1, 6)));
  EXPECT_EQ(calls_.size(), 4U);
}

TEST_F(ReplayTest, NeverTakesMoreThanItsLimitButAUnitStaysWhole) {
  for (int i = 0; i < 10; ++i) must_append(numbered_unit(1, i, 3));
  must_append(numbered_unit(1, 10, 9));
  start({.max_events = 8});
  ASSERT_TRUE(run_until([&] { return emptied(); }));
  for (const Call& call : calls_)
    EXPECT_TRUE(call.ids.size() <= 8 || call.ids.size() == 9) << call.ids.size();
  EXPECT_EQ(calls_.back().ids.size(), 9U);
  EXPECT_EQ(stored_.size(), 39U);
}

TEST_F(ReplayTest, WaitsWhilePostgresqlIsAwayOrOverloadedAndLosesNothing) {
  for (int i = 0; i < 5; ++i) must_append(numbered_unit(1, i));
  for (const Kind kind : {Kind::kUnavailable, Kind::kOverloaded}) {
    down_ = kind;
    const auto calls = calls_.size();
    if (!replay_) start();
    ASSERT_TRUE(run_until([&] { return calls_.size() >= calls + 3; }));
    EXPECT_EQ(journal_->statistics().waiting.units, 5);
    EXPECT_THAT(set_aside_units(), IsEmpty());
    EXPECT_GE(replay_->statistics().failures, 3);
    EXPECT_EQ(replay_->statistics().last_failure, "PostgreSQL is away");
  }
  down_.reset();
  ASSERT_TRUE(run_until([&] { return emptied() && replay_->statistics().events == 5; }));
  EXPECT_THAT(stored_, ElementsAre(id(1, 0), id(1, 1), id(1, 2), id(1, 3), id(1, 4)));
  EXPECT_EQ(replay_->statistics().last_failure, "");
}

TEST_F(ReplayTest, SetsAsideWhatIsRefusedAloneAndStoresTheRest) {
  for (int i = 0; i < 20; ++i) must_append(numbered_unit(1, i));
  refused_ = {{id(1, 5), Kind::kRejected}, {id(1, 6), Kind::kParentMissing}, {id(1, 11), Kind::kInternal}};
  start();
  ASSERT_TRUE(run_until([&] { return emptied() && replay_->statistics().set_aside == 3; }));
  EXPECT_EQ(stored_.size(), 17U);
  EXPECT_TRUE(std::ranges::is_sorted(stored_));
  const auto held = set_aside_units();
  ASSERT_EQ(held.size(), 3U);
  EXPECT_EQ(held[0].reason, "refused " + id(1, 5));
  EXPECT_EQ(held[1].reason, "refused " + id(1, 6));
  EXPECT_EQ(held[2].reason, "refused " + id(1, 11));
  EXPECT_EQ(journal_->statistics().aside.units, 3);
}

TEST_F(ReplayTest, SetsAsideWhatIsForAWorkspaceThatIsGone) {
  for (int i = 0; i < 8; ++i) must_append(numbered_unit(1, i), i % 2 == 0 ? "gone" : "there");
  missing_ = {"gone"};
  start();
  ASSERT_TRUE(run_until([&] { return emptied() && replay_->statistics().set_aside == 4; }));
  EXPECT_EQ(stored_.size(), 4U);
  const auto held = set_aside_units();
  ASSERT_EQ(held.size(), 4U);
  EXPECT_EQ(held[0].workspace, "gone");
  EXPECT_EQ(held[0].reason, "no such workspace");
}

TEST_F(ReplayTest, AnOutageAmidSingleUnitsSetsNothingAside) {
  for (int i = 0; i < 3; ++i) must_append(numbered_unit(1, i));
  refused_ = {{id(1, 2), Kind::kRejected}};
  start();
  // Down as soon as the batch with the refused event has been tried.
  ASSERT_TRUE(run_until([&] { return calls_.size() >= 2; }));
  down_ = Kind::kUnavailable;
  const auto calls = calls_.size();
  ASSERT_TRUE(run_until([&] { return calls_.size() >= calls + 3; }));
  const auto held = set_aside_units().size();
  EXPECT_LE(held, 1U);
  EXPECT_EQ(stored_.size() + held + static_cast<std::size_t>(journal_->statistics().waiting.units), 3U);
  down_.reset();
  ASSERT_TRUE(run_until([&] { return emptied() && replay_->statistics().set_aside == 1; }));
  EXPECT_THAT(stored_, ElementsAre(id(1, 0), id(1, 1)));
}

TEST_F(ReplayTest, AsksWhetherLiveRequestsWait) {
  int asked = 0;
  for (int i = 0; i < 3; ++i) must_append(numbered_unit(1, i));
  start({}, [&] {
    ++asked;
    return true;
  });
  ASSERT_TRUE(run_until([&] { return emptied() && asked >= 2; }));
  EXPECT_EQ(stored_.size(), 3U);
}

TEST_F(ReplayTest, StopsInTheMiddleAndGoesOnLater) {
  for (int i = 0; i < 100; ++i) must_append(numbered_unit(1, i));
  start({.max_events = 2});
  ASSERT_TRUE(run_until([&] { return calls_.size() >= 5; }));
  stop();
  const auto calls = calls_.size();
  const auto waiting = journal_->statistics().waiting.units;
  EXPECT_GT(waiting, 0);
  EXPECT_EQ(static_cast<std::int64_t>(stored_.size()) + waiting, 100);
  must_append(numbered_unit(1, 100));
  EXPECT_EQ(calls_.size(), calls);
  replay_.reset();
  start();
  ASSERT_TRUE(run_until([&] { return emptied(); }));
  EXPECT_EQ(stored_.size(), 101U);
  EXPECT_TRUE(std::ranges::is_sorted(stored_));
}

TEST_F(ReplayTest, StopsWhileItBacksOffOrHasNothingToDo) {
  start();
  stop();
  replay_.reset();
  down_ = Kind::kUnavailable;
  must_append(numbered_unit(1, 1));
  start();
  ASSERT_TRUE(run_until([&] { return !calls_.empty(); }));
  stop();
  EXPECT_EQ(journal_->statistics().waiting.units, 1);
}

// Takes everything; the disk of the journal works again at the third call.
struct PatientStore {
  journal::testing::FaultyVfs disk;
  int calls = 0;

  boost::asio::awaitable<tl::expected<void, tables::StoreError>> store() {
    ++calls;
    if (calls == 3) disk.fail_syncs(false);
    co_return tl::expected<void, tables::StoreError>();
  }
};

TEST(ReplayOfAFailingDisk, StoresAgainWhatCouldNotBeRemoved) {
  PatientStore patient;
  const runtime::testing::TemporaryFolder folder;
  boost::asio::io_context context;
  auto journal = journal::Journal::open(context.get_executor(), {.path = folder / "journal.db"}).value();
  ASSERT_TRUE(run(context, journal->append(journal::Origin(), numbered_unit(1, 1), in(20s))));
  patient.disk.fail_syncs(true);
  Replay replay(context.get_executor(), *journal,
                [&](const std::string&, const std::vector<event::Event>&) { return patient.store(); },
                runtime::system_clock(),
                {.limits = {.shortest_backoff = 1ms, .longest_backoff = 2ms}, .live_requests_wait = nullptr});
  replay.start();
  const auto give_up = in(30s);
  while (journal->statistics().waiting.units > 0 && std::chrono::steady_clock::now() < give_up) {
    context.run_one_for(20ms);
  }
  EXPECT_TRUE(run(context, replay.stop(in(20s))));
  EXPECT_EQ(patient.calls, 3);
  EXPECT_EQ(journal->statistics().waiting.units, 0);
  EXPECT_EQ(replay.statistics().events, 1);
  EXPECT_EQ(replay.statistics().failures, 2);
}

}  // namespace
}  // namespace storagepool::recording
