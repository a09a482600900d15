#include "pool/recording/replay.h"

#include <map>
#include <new>
#include <set>

#include <gmock/gmock.h>

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

// The system's, with a wall that a test moves on.
class WallClock : public runtime::Clock {
 public:
  runtime::TimePoint now() const override { return runtime::steady_now(); }
  runtime::Timestamp wall() const override { return runtime::wall_now() + ahead; }
  std::chrono::milliseconds ahead{};
};

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
    std::string incarnation;
  };

  void start(ReplayLimits limits = {}, std::function<bool()> live = nullptr) {
    limits.shortest_backoff = 1ms;
    limits.longest_backoff = 2ms;
    limits.put_off = 2ms;
    options_.limits = limits;
    options_.live_requests = std::move(live);
    backlog_.emplace(*journal_);
    replay_ = std::make_unique<Replay>(
        context_.get_executor(), *backlog_,
        [this](const journal::Origin& origin, std::vector<event::Event> events, const Replay::GiveUpAt&) {
          return store(origin, std::move(events));
        },
        clock_, options_);
    replay_->start();
  }
  // As soon as what is under way has ended.
  void stop() {
    while (!run(context_, replay_->stop(in(0s)))) continue;
  }
  static tl::unexpected<tables::StoreError> error(Kind kind, std::string detail) {
    return tl::unexpected(tables::StoreError{kind, std::move(detail), {}});
  }
  // What PostgreSQL would do: all or nothing, and nothing twice.
  boost::asio::awaitable<tl::expected<void, tables::StoreError>> store(journal::Origin origin,
                                                                       std::vector<event::Event> events) {
    const std::string& workspace = origin.workspace;
    Call& call = calls_.emplace_back(Call{workspace, {}, origin.incarnation});
    for (const event::Event& event : events) call.ids.push_back(event.event_id);
    if (throws_ > 0) {
      --throws_;
      throw std::bad_alloc();
    }
    if (stuck_.contains(workspace)) co_return error(Kind::kUnavailable, "the workspace is stuck");
    if (down_ != std::nullopt) co_return error(*down_, "PostgreSQL is away");
    if (missing_.contains(workspace)) co_return error(Kind::kDatabaseMissing, "no such workspace");
    for (const std::string& id : call.ids) {
      const auto refused = refused_.find(id);
      if (refused != refused_.end()) co_return error(refused->second, "refused " + id);
    }
    for (const event::Event& event : events) {
      const bool orphan =
          event.parent_event_id && !event.parent_missing && !keys_.contains(*event.parent_event_id);
      if (orphan) co_return error(Kind::kParentMissing, "no parent");
    }
    for (const event::Event& event : events) {
      if (keys_.insert(event.event_id).second) stored_.push_back(event.event_id);
      if (event.parent_missing) noted_.push_back(event.event_id);
    }
    co_return tl::expected<void, tables::StoreError>();
  }
  void must_append_child(int number, int parent, const std::string& workspace = "") {
    auto unit = numbered_unit(1, number);
    unit[0].parent_event_id = id(1, parent);
    must_append(unit, workspace);
  }
  bool emptied() const { return journal_->statistics().waiting.units == 0; }

  std::vector<Call> calls_;
  std::vector<std::string> stored_;  // in order
  std::set<std::string> keys_;
  std::map<std::string, Kind> refused_;
  std::set<std::string> missing_;
  std::set<std::string> stuck_;
  std::vector<std::string> noted_;
  std::optional<Kind> down_;
  int throws_ = 0;  // of the next calls
  WallClock clock_;
  ReplayOptions options_;
  std::optional<JournalBacklog> backlog_;
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

TEST_F(ReplayTest, GoesOnAfterAnException) {
  for (int i = 0; i < 5; ++i) must_append(numbered_unit(1, i));
  throws_ = 3;
  start();
  ASSERT_TRUE(run_until([&] { return emptied(); }));
  EXPECT_EQ(stored_.size(), 5U);
  EXPECT_EQ(replay_->statistics().failures, 3);
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
  refused_ = {{id(1, 5), Kind::kRejected}, {id(1, 11), Kind::kConflict}};
  start();
  ASSERT_TRUE(run_until([&] { return emptied() && replay_->statistics().set_aside == 2; }));
  EXPECT_EQ(stored_.size(), 18U);
  EXPECT_TRUE(std::ranges::is_sorted(stored_));
  const auto held = set_aside_units();
  EXPECT_EQ(held.at(0).reason, "refused " + id(1, 5));
  EXPECT_EQ(held.at(1).reason, "refused " + id(1, 11));
  EXPECT_EQ(journal_->statistics().aside.units, 2);
}

TEST_F(ReplayTest, FindsWhatIsRefusedByHalving) {
  // In a batch of 64.
  for (int i = 0; i < 127; ++i) must_append(numbered_unit(1, i));
  refused_ = {{id(1, 100), Kind::kRejected}};
  start();
  ASSERT_TRUE(run_until([&] { return emptied() && replay_->statistics().set_aside == 1; }));
  EXPECT_EQ(stored_.size(), 126U);
  EXPECT_EQ(calls_.size(), 7U + 2 * 6);
}

TEST_F(ReplayTest, SetsNothingAsideForWhatIsOurOwnFault) {
  for (int i = 0; i < 4; ++i) must_append(numbered_unit(1, i));
  refused_ = {{id(1, 1), Kind::kInternal}};
  start();
  ASSERT_TRUE(run_until([&] { return stored_.size() == 3; }));
  EXPECT_THAT(set_aside_units(), IsEmpty());
  refused_.clear();
  ASSERT_TRUE(run_until([&] { return emptied(); }));
}

TEST_F(ReplayTest, AWorkspaceThatCannotBeWrittenHoldsUpNoOther) {
  for (int i = 0; i < 40; ++i) must_append(numbered_unit(1, i), i % 2 == 0 ? "stuck" : "fine");
  stuck_ = {"stuck"};
  start();
  ASSERT_TRUE(run_until(
      [&] { return journal_->statistics().waiting.units == 20 && replay_->statistics().failures >= 3; }));
  EXPECT_EQ(replay_->statistics().last_failure, "the workspace is stuck");
  EXPECT_EQ(stored_.size(), 20U);
  EXPECT_TRUE(std::ranges::is_sorted(stored_));
  stuck_.clear();
  ASSERT_TRUE(run_until([&] { return emptied() && replay_->statistics().last_failure.empty(); }));
  EXPECT_TRUE(std::is_sorted(stored_.begin() + 20, stored_.end()));
}

TEST_F(ReplayTest, AChildWaitsForItsParentWhileOthersGoOn) {
  must_append_child(0, 100);
  must_append_child(1, 0);
  for (int i = 2; i < 10; ++i) must_append(numbered_unit(1, i));
  start();
  ASSERT_TRUE(run_until([&] { return stored_.size() == 8; }));
  const auto calls = calls_.size();
  ASSERT_TRUE(run_until([&] { return calls_.size() > calls + 4; })) << "it is tried again";
  EXPECT_EQ(journal_->statistics().waiting.units, 2);
  keys_.insert(id(1, 100));
  ASSERT_TRUE(run_until([&] { return emptied(); }));
  EXPECT_THAT(std::vector(stored_.end() - 2, stored_.end()), ElementsAre(id(1, 0), id(1, 1)));
  EXPECT_THAT(noted_, IsEmpty());
  EXPECT_EQ(replay_->statistics().without_parents, 0);
}

TEST_F(ReplayTest, AParentThatDoesNotComeIsWaitedForNoLonger) {
  must_append_child(0, 100);
  must_append_child(1, 0);
  start();
  ASSERT_TRUE(run_until([&] { return calls_.size() > 4; }));
  clock_.ahead = options_.parents_wait - 1min;
  const auto calls = calls_.size();
  ASSERT_TRUE(run_until([&] { return calls_.size() > calls + 4; }));
  EXPECT_THAT(stored_, IsEmpty());
  clock_.ahead = options_.parents_wait;
  ASSERT_TRUE(run_until([&] { return emptied(); }));
  EXPECT_THAT(noted_, ElementsAre(id(1, 0))) << "the other's parent came";
  EXPECT_EQ(replay_->statistics().without_parents, 1);
  EXPECT_THAT(set_aside_units(), IsEmpty());
}

TEST_F(ReplayTest, AClockThatIsSetBackDoesNotProlongTheWait) {
  must_append_child(0, 100);
  clock_.ahead = -options_.parents_wait - 1min;
  start();
  ASSERT_TRUE(run_until([&] { return emptied(); }));
  EXPECT_THAT(noted_, ElementsAre(id(1, 0)));
}

TEST_F(ReplayTest, IncarnationsOfAWorkspaceAreStoredApart) {
  for (int i = 0; i < 12; ++i) must_append(numbered_unit(1, i), "a", i < 9 ? "first" : "second");
  start();
  ASSERT_TRUE(run_until([&] { return emptied(); }));
  for (const Call& call : calls_) {
    for (const std::string& one : call.ids) EXPECT_EQ(call.incarnation, one < id(1, 9) ? "first" : "second");
  }
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

TEST_F(ReplayTest, WhenStoppedItGoesOnUntilTheDeadlineAsLongAsThereIsSomethingToStore) {
  for (int i = 0; i < 100; ++i) must_append(numbered_unit(1, i), i % 4 == 0 ? "stuck" : "fine");
  must_append_child(100, 1000);
  stuck_ = {"stuck"};
  start({.max_events = 2}, [] { return true; });
  ASSERT_TRUE(run_until([&] { return calls_.size() >= 5; }));
  EXPECT_TRUE(run(context_, replay_->stop(in(20s))));
  EXPECT_EQ(stored_.size(), 75U);
  EXPECT_EQ(journal_->statistics().waiting.units, 26);
}

TEST_F(ReplayTest, WhenStoppedWhatFailedIsTriedOnceMore) {
  down_ = Kind::kUnavailable;
  for (int i = 0; i < 10; ++i) must_append(numbered_unit(1, i), i % 2 == 0 ? "a" : "b");
  start();
  ASSERT_TRUE(run_until([&] { return calls_.size() >= 4; }));
  down_.reset();
  EXPECT_TRUE(run(context_, replay_->stop(in(20s))));
  EXPECT_TRUE(emptied());
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

}  // namespace
}  // namespace storagepool::recording
