#include "pool/ingest/queue.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <utility>

#include <gtest/gtest.h>

namespace storagepool::ingest {
namespace {

using namespace std::chrono_literals;
using TimePoint = Queue::TimePoint;

const TimePoint kStart{1h};
const TimePoint kLater = kStart + 1h;

std::vector<event::Event> events(std::size_t count, std::size_t bytes_each = 0) {
  std::vector<event::Event> unit(count);
  for (event::Event& event : unit) event.event_data.assign(bytes_each, 'x');
  return unit;
}

std::vector<event::Event> with_client_id(const std::string& id) {
  auto unit = events(1);
  unit[0].event_id = id;
  unit[0].id_from_client = true;
  return unit;
}

std::vector<std::uint64_t> ids(const std::vector<Unit>& units) {
  std::vector<std::uint64_t> result;
  for (const Unit& unit : units) result.push_back(unit.id);
  return result;
}

using Ids = std::vector<std::uint64_t>;

TEST(IngestQueue, WritesAtOnceWhenIdle) {
  Queue queue({});
  EXPECT_FALSE(queue.begin_turn());
  ASSERT_EQ(queue.push("a", events(1), kLater), 1U);
  const auto turn = queue.begin_turn();
  ASSERT_TRUE(turn);
  EXPECT_EQ(turn->database, "a");
  EXPECT_EQ(turn->deadline, kLater);
  const auto batch = queue.take("a", kStart);
  EXPECT_EQ(ids(batch.units), Ids{1});
  EXPECT_EQ(queue.load(), batch.load);
  queue.end_turn("a", batch.load);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.load(), Load{});
}

TEST(IngestQueue, ABatchGrowsUntilThereIsAConnection) {
  Queue queue({});
  queue.push("a", events(1), kLater);
  ASSERT_TRUE(queue.begin_turn());
  for (int i = 0; i < 9; ++i) queue.push("a", events(1), kLater);
  EXPECT_FALSE(queue.begin_turn()) << "a second connection would find nothing";
  EXPECT_EQ(queue.take("a", kStart).units.size(), 10U);
}

TEST(IngestQueue, TheNextBatchFormsWhileOthersAreWritten) {
  Queue queue({.turns_per_database = 2});
  for (int turn = 0; turn < 2; ++turn) {
    queue.push("a", events(1), kLater);
    ASSERT_TRUE(queue.begin_turn());
    EXPECT_EQ(queue.take("a", kStart).units.size(), 1U);
  }
  for (int i = 0; i < 5; ++i) queue.push("a", events(1), kLater);
  EXPECT_FALSE(queue.begin_turn());
  queue.end_turn("a", load_of(events(1)));
  ASSERT_TRUE(queue.begin_turn());
  EXPECT_EQ(queue.take("a", kStart).units.size(), 5U);
}

TEST(IngestQueue, BoundsABatchWithoutSplittingAUnit) {
  Queue queue({.max_batch_events = 10, .max_batch_bytes = 100'000});
  for (const std::size_t count : {4U, 6U, 1U, 25U, 3U}) queue.push("a", events(count), kLater);
  queue.push("a", events(1, 200'000), kLater);
  queue.push("a", events(1, 60'000), kLater);
  queue.push("a", events(1, 60'000), kLater);
  std::vector<Ids> batches;
  while (queue.load().events > 0) {
    ASSERT_TRUE(queue.begin_turn());
    const auto batch = queue.take("a", kStart);
    batches.push_back(ids(batch.units));
    queue.end_turn("a", batch.load);
  }
  EXPECT_EQ(batches, (std::vector<Ids>{{1, 2}, {3}, {4}, {5}, {6}, {7}, {8}}));
}

TEST(IngestQueue, KeepsAnIdThatRepeatsForALaterBatch) {
  Queue queue({});
  for (const char* id : {"x", "y", "x", "z", "x"}) queue.push("a", with_client_id(id), kLater);
  std::vector<Ids> batches;
  while (queue.load().events > 0) {
    ASSERT_TRUE(queue.begin_turn());
    const auto batch = queue.take("a", kStart);
    batches.push_back(ids(batch.units));
    queue.end_turn("a", batch.load);
  }
  EXPECT_EQ(batches, (std::vector<Ids>{{1, 2, 4}, {3}, {5}}));
}

TEST(IngestQueue, LooksAtABoundedNumberOfRepeatedIds) {
  Queue queue({.max_batch_events = 5});
  for (int i = 0; i < 20; ++i) queue.push("a", with_client_id("x"), kLater);
  queue.push("a", events(1), kLater);
  ASSERT_TRUE(queue.begin_turn());
  EXPECT_EQ(ids(queue.take("a", kStart).units), Ids{1});
}

TEST(IngestQueue, DatabasesTakeTurns) {
  Queue queue({.max_batch_events = 1, .turns_per_database = 1, .turns = 1});
  for (int i = 0; i < 3; ++i) queue.push("busy", events(1), kLater);
  queue.push("a", events(1), kLater);
  queue.push("b", events(1), kLater);
  std::string order;
  while (queue.load().events > 0) {
    const auto turn = queue.begin_turn();
    ASSERT_TRUE(turn);
    EXPECT_FALSE(queue.begin_turn());
    order += turn->database + " ";
    queue.end_turn(turn->database, queue.take(turn->database, kStart).load);
  }
  EXPECT_EQ(order, "busy a b busy busy ");
}

TEST(IngestQueue, OneDatabaseFillsHalfOfIt) {
  Queue queue({.max_queued_events = 10, .max_queued_bytes = 1'000'000});
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(queue.push("a", events(1), kLater));
  EXPECT_EQ(queue.fill("a") + queue.fill("b"), 1);
  EXPECT_FALSE(queue.push("a", events(1), kLater));
  EXPECT_TRUE(queue.push("b", events(5), kLater));
  EXPECT_FALSE(queue.push("c", events(1), kLater)) << "all of it is full";
  ASSERT_TRUE(queue.begin_turn());
  const auto batch = queue.take("a", kStart);
  EXPECT_FALSE(queue.push("c", events(1), kLater)) << "what is being written still counts";
  queue.end_turn("a", batch.load);
  EXPECT_TRUE(queue.push("a", events(5), kLater));
}

TEST(IngestQueue, BoundsItsBytes) {
  Queue queue({.max_queued_bytes = 1'000'000});
  EXPECT_TRUE(queue.push("a", events(1, 400'000), kLater));
  EXPECT_NEAR(queue.fill("a"), 0.8, 0.01);
  EXPECT_FALSE(queue.push("a", events(1, 400'000), kLater));
  EXPECT_TRUE(queue.push("b", events(1, 400'000), kLater));
  EXPECT_FALSE(queue.push("c", events(1, 400'000), kLater));
}

TEST(IngestQueue, TakesOutWhatHasWaitedTooLong) {
  Queue queue({});
  queue.push("a", events(1), kStart + 1s);
  queue.push("a", events(1), kStart + 5s);
  queue.push("a", events(1), kStart + 2s);
  ASSERT_TRUE(queue.begin_turn());
  EXPECT_TRUE(queue.withdraw("a", 1));
  EXPECT_FALSE(queue.withdraw("a", 1));
  EXPECT_FALSE(queue.withdraw("b", 1));
  const auto batch = queue.take("a", kStart + 2s);
  EXPECT_EQ(ids(batch.units), Ids{2});
  EXPECT_EQ(ids(batch.expired), Ids{3});
  EXPECT_FALSE(queue.withdraw("a", 2)) << "it is being written";
  EXPECT_EQ(queue.load().events, 1U);
}

TEST(IngestQueue, GivesUpThoseWhoWaitedForTheConnection) {
  Queue queue({});
  queue.push("a", events(1), kStart + 1s);
  queue.push("a", events(1), kStart + 2s);
  const auto turn = queue.begin_turn();
  queue.push("a", events(1), kStart + 3s);
  EXPECT_EQ(turn->deadline, kStart + 2s);
  EXPECT_EQ(ids(queue.give_up("a", turn->next_unit)), (Ids{1, 2}));
  ASSERT_TRUE(queue.begin_turn()) << "the other one waits on";
  EXPECT_EQ(ids(queue.take("a", kStart).units), Ids{3});
}

// Random callers, connections that come, fail and take their time, against a plain model.
class Simulation {
 public:
  explicit Simulation(unsigned seed) : random_(seed), queue_(limits_) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      begin_turns();
      check();
      if (::testing::Test::HasFailure()) return;
    }
    while (!queue_.empty() && !::testing::Test::HasFailure()) {
      finish_one_turn();
      begin_turns();
      check();
    }
    EXPECT_EQ(settled_, pushed_);
    EXPECT_TRUE(waiting_.empty());
  }

 private:
  struct Known {
    std::string database;
    TimePoint deadline;
    Load load;
    std::string client_id;
  };
  struct Writing {
    std::string database;
    Load load;
  };

  int below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random_); }

  void step() {
    const int what = below(10);
    if (what < 5) push();
    if (what == 5) now_ += std::chrono::milliseconds(below(100));
    if (what == 6) withdraw();
    if (what > 6) finish_one_turn();
  }

  void push() {
    const std::string database(1, static_cast<char>('a' + below(4)));
    std::vector<event::Event> unit = events(1 + static_cast<std::size_t>(below(below(10) == 0 ? 30 : 4)),
                                            static_cast<std::size_t>(below(3'000)));
    std::string client_id;
    if (below(3) == 0) {
      client_id = "id" + std::to_string(below(5));
      unit[0].event_id = client_id;
      unit[0].id_from_client = true;
    }
    const Load load = load_of(unit);
    const TimePoint deadline = now_ + std::chrono::milliseconds(1 + below(400));
    const auto fits = [&](const Load& present, std::size_t share) {
      return present.events + load.events <= limits_.max_queued_events / share &&
             present.bytes + load.bytes <= limits_.max_queued_bytes / share;
    };
    const auto id = queue_.push(database, std::move(unit), deadline);
    ASSERT_EQ(id.has_value(), fits(accepted_, 1) && fits(by_database_[database], 2));
    if (!id) return;
    ++pushed_;
    accepted_ += load;
    by_database_[database] += load;
    waiting_.emplace(*id, Known{database, deadline, load, client_id});
  }

  void leave(std::uint64_t id, bool accepted_still) {
    const auto known = waiting_.find(id);
    ASSERT_NE(known, waiting_.end()) << "taken twice, or never accepted";
    ++settled_;
    if (!accepted_still) release(known->second.database, known->second.load);
    waiting_.erase(known);
  }
  void release(const std::string& database, const Load& load) {
    accepted_ -= load;
    by_database_[database] -= load;
  }

  void withdraw() {
    const auto late = std::find_if(waiting_.begin(), waiting_.end(),
                                   [&](const auto& one) { return one.second.deadline <= now_; });
    if (late == waiting_.end()) return;
    ASSERT_TRUE(queue_.withdraw(late->second.database, late->first));
    leave(late->first, false);
  }

  void begin_turns() {
    while (auto turn = queue_.begin_turn()) {
      // Fairness: nobody else who could have been served has waited for more turns than there are databases.
      turns_since_[turn->database] = 0;
      for (const auto& [database, unused] : by_database_) {
        if (database == turn->database) continue;
        if (may_begin(database)) {
          ASSERT_LE(++turns_since_[database], 4) << database;
        } else {
          turns_since_[database] = 0;
        }
      }
      fetching_.push_back(std::move(*turn));
    }
  }

  bool waits(const std::string& database) const {
    return std::any_of(waiting_.begin(), waiting_.end(),
                       [&](const auto& one) { return one.second.database == database; });
  }
  bool may_begin(const std::string& database) const {
    const auto of_it = [&](const auto& one) { return one.database == database; };
    return waits(database) && std::none_of(fetching_.begin(), fetching_.end(), of_it) &&
           std::count_if(writing_.begin(), writing_.end(), of_it) < limits_.turns_per_database;
  }

  void finish_one_turn() {
    const std::size_t turns = fetching_.size() + writing_.size();
    if (turns == 0) return;
    const auto pick = static_cast<std::size_t>(below(static_cast<int>(turns)));
    if (pick >= fetching_.size()) {
      const auto done = writing_.begin() + static_cast<std::ptrdiff_t>(pick - fetching_.size());
      queue_.end_turn(done->database, done->load);
      release(done->database, done->load);
      writing_.erase(done);
      return;
    }
    const auto there = fetching_.begin() + static_cast<std::ptrdiff_t>(pick);
    const Queue::Turn turn = *there;
    fetching_.erase(there);
    if (below(5) == 0) {
      for (const Unit& unit : queue_.give_up(turn.database, turn.next_unit)) {
        ASSERT_LT(unit.id, turn.next_unit);
        leave(unit.id, false);
      }
    } else {
      take(turn.database);
    }
  }

  void take(const std::string& database) {
    auto batch = queue_.take(database, now_);
    Load load;
    std::set<std::string> client_ids;
    std::uint64_t last = 0;
    for (const Unit& unit : batch.units) {
      const Known known = waiting_.at(unit.id);
      ASSERT_EQ(known.database, database);
      ASSERT_GT(known.deadline, now_);
      ASSERT_GT(unit.id, last);
      last = unit.id;
      if (!known.client_id.empty()) {
        ASSERT_TRUE(client_ids.insert(known.client_id).second);
      }
      load += known.load;
      leave(unit.id, true);
    }
    for (const Unit& unit : batch.expired) {
      ASSERT_LE(waiting_.at(unit.id).deadline, now_);
      leave(unit.id, false);
    }
    ASSERT_EQ(load, batch.load);
    if (batch.units.size() > 1) {
      ASSERT_LE(load.events, limits_.max_batch_events);
      ASSERT_LE(load.bytes, limits_.max_batch_bytes);
    }
    // First come first served: who is passed over repeats an id of the batch.
    for (const auto& [id, known] : waiting_) {
      if (known.database == database && id < last) {
        ASSERT_TRUE(client_ids.contains(known.client_id));
      }
    }
    writing_.push_back({database, batch.load});
  }

  void check() {
    ASSERT_EQ(queue_.load(), accepted_);
    ASSERT_LE(accepted_.events, limits_.max_queued_events);
    ASSERT_LE(accepted_.bytes, limits_.max_queued_bytes);
    const std::size_t turns = fetching_.size() + writing_.size();
    ASSERT_LE(turns, static_cast<std::size_t>(limits_.turns));
    for (const auto& [database, unused] : by_database_) {
      const auto of_it = [&](const Writing& one) { return one.database == database; };
      ASSERT_LE(std::count_if(writing_.begin(), writing_.end(), of_it), limits_.turns_per_database);
      // No lost wake-up.
      if (turns < static_cast<std::size_t>(limits_.turns)) {
        ASSERT_FALSE(may_begin(database)) << database;
      }
    }
  }

  std::mt19937 random_;
  TimePoint now_ = kStart;
  const Limits limits_{.max_batch_events = 12,
                       .max_batch_bytes = 40'000,
                       .max_queued_events = 80,
                       .max_queued_bytes = 200'000,
                       .turns_per_database = 2,
                       .turns = 5};
  Queue queue_;
  std::map<std::uint64_t, Known> waiting_;
  std::map<std::string, Load> by_database_;
  std::map<std::string, int> turns_since_;
  std::vector<Queue::Turn> fetching_;
  std::vector<Writing> writing_;
  Load accepted_;
  std::size_t pushed_ = 0;
  std::size_t settled_ = 0;
};

TEST(IngestQueue, HoldsItsInvariantsOnRandomSchedules) {
  for (unsigned seed = 1; seed <= 300 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Simulation(seed).run(400);
  }
}

}  // namespace
}  // namespace storagepool::ingest
