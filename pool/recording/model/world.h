// What is around the recording, as a model that forgets nothing: PostgreSQL as its ingest shows it, the disk
// of the journal, the registry of workspaces and the time. What is asked of them waits until the schedule
// says how it ends; what they keep survives the end of the process that uses them.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/loop/promise.h"
#include "pool/recording/backlog.h"
#include "pool/recording/event_store.h"
#include "pool/recording/replay.h"

namespace storagepool::recording::model {

using Kind = tables::StoreError::Kind;
using Duration = std::chrono::milliseconds;
using runtime::TimePoint;

// Decades after the machine's start, so that no timer of Asio ends a wait: the schedule does.
class World : public runtime::Clock {
 public:
  static constexpr Duration kParentsWait{std::chrono::seconds{60}};
  static constexpr Duration kStallAfter{1000};

  explicit World(std::uint64_t seed) : random(seed) {}

  TimePoint now() const override { return now_; }
  runtime::Timestamp wall() const override { return wall_; }
  void pass(Duration time);
  void step_wall(Duration by);

  // The first thing that went wrong ends the schedule.
  void violated(const std::string& what) {
    if (violation.empty()) violation = what;
  }
  bool chance(int percent) { return pick(100) < percent; }
  int pick(int count) { return std::uniform_int_distribution<int>(0, count - 1)(random); }

  std::mt19937_64 random;
  std::string violation;
  std::function<void()> on_wall;

 private:
  TimePoint now_{std::chrono::hours{300'000}};
  runtime::Timestamp wall_{std::chrono::hours{500'000}};
};

// A workspace of one life; the system database is that of "".
struct Home {
  std::string workspace;
  int life = 0;  // 0: gone
  std::string incarnation() const { return workspace.empty() ? "" : workspace + "/" + std::to_string(life); }
  std::string database() const { return "audit_" + workspace; }
};

class Registry {
 public:
  const Home& find(const std::string& workspace) { return homes_.at(workspace); }
  void drop(const std::string& workspace) { homes_.at(workspace).life = 0; }
  void create(const std::string& workspace) { homes_.at(workspace).life = ++lives_; }
  bool is(const std::string& workspace, const std::string& incarnation) const {
    return homes_.at(workspace).life > 0 && homes_.at(workspace).incarnation() == incarnation;
  }

 private:
  int lives_ = 1;
  std::map<std::string, Home> homes_{{"", {"", 1}}, {"a", {"a", 1}}, {"b", {"b", 1}}};
};

// What the events of the schedule carry: the kind of event is in its id's first character.
bool is_bad(const event::Event& event);  // no row can hold it

class Disk final : public Backlog {
 public:
  enum class State { kWell, kFull, kFailing };
  struct Record {
    journal::Unit unit;
    bool torn = false;
    bool passed_over = false;  // PostgreSQL refused it when it came alone
    bool waited = false;       // for kParentsWait
    bool holds(const std::string& id) const;
    bool holds_all(const std::vector<event::Event>& events) const;
  };
  struct Aside {
    Record record;
    std::string reason;
  };

  explicit Disk(World& world) : world_(world) {}

  Answer<void> append(journal::Origin origin, std::vector<event::Event> unit, Deadline deadline) override;
  Answer<std::vector<journal::WaitingWorkspace>> waiting() override;
  Answer<std::vector<journal::Unit>> next(journal::Take take) override;
  Answer<journal::Amount> remove(std::vector<std::int64_t> sequences) override;
  Answer<journal::Amount> set_aside(std::vector<std::int64_t> sequences, std::string reason) override;
  void on_append(std::function<void()> listener) override { listener_ = std::move(listener); }
  std::int64_t waiting_units() const override { return static_cast<std::int64_t>(records.size()); }

  void run_on(boost::asio::any_io_executor executor) { executor_ = std::move(executor); }
  // Some operation that waits is carried out; false when none does.
  bool end_one();
  void forget_pending() { pending_.clear(); }
  void wake() {
    if (listener_) listener_();
  }
  void look_at_clock();
  Record* find(const std::string& id);

  State state = State::kWell;
  bool slow = false;
  int faults = 0;  // operations that failed
  std::vector<Record> records;
  std::vector<Aside> aside;
  std::function<void(const Record&)> on_set_aside;
  std::function<void(const std::vector<event::Event>&)> on_append_begun;

 private:
  using Promise = runtime::Promise<bool>;
  boost::asio::awaitable<bool> turn();  // true: the disk fails this operation

  World& world_;
  boost::asio::any_io_executor executor_;
  std::list<Promise::Giver> pending_;
  std::function<void()> listener_;
  std::int64_t sequence_ = 0;
};

class Postgresql final : public EventStore {
 public:
  enum class State { kWell, kHanging, kRefusing };
  // Some call to it.
  struct Call {
    Home home;
    std::vector<event::Event> events;
    bool replayed = false;
    TimePoint began;
    Deadline deadline;
    GiveUpAt give_up_at;
    TimePoint until;
    std::optional<runtime::Promise<ingest::Answer>::Giver> giver;  // none: its caller has given up or died
  };

  Postgresql(World& world, Registry& registry) : world_(world), registry_(registry) {}

  boost::asio::awaitable<ingest::Answer> store(std::string database, event::SharedEvents unit,
                                               Deadline deadline, GiveUpAt give_up_at) override;
  void on_outcome(OnOutcome listener) override { outcome_ = std::move(listener); }
  double fill(const std::string& database) const override;
  bool away() const override { return away_seen; }

  boost::asio::awaitable<tl::expected<void, tables::StoreError>> replay(journal::Origin origin,
                                                                        std::vector<event::Event> events,
                                                                        GiveUpAt give_up_at);
  void run_on(boost::asio::any_io_executor executor) { executor_ = std::move(executor); }
  bool end_one();
  void give_up();          // who has waited long enough
  TimePoint next() const;  // when the next one gives up, or may have moved
  void forget_callers();
  bool has(const Home& home, const std::string& id) const { return has(home.incarnation(), id); }
  bool has(const std::string& incarnation, const std::string& id) const {
    return rows_.contains({incarnation, id});
  }
  // Whether some write has waited for a quarter of kStallAfter or more without a commit.
  bool somebody_waits_in_vain() const;

  std::map<std::string, State> states;           // by workspace
  bool glitches = true;                          // now and then something fails alone
  bool is_away = false;                          // refuses everybody
  bool away_seen = false;                        // and that is known
  std::map<std::string, TimePoint> last_answer;  // by database: a commit, or a refusal of events
  std::list<Call> calls;
  std::function<void(const Call&)> on_applied;  // before it is
  std::function<void(const Call&, Kind)> on_refused;

 private:
  boost::asio::awaitable<ingest::Answer> ask(Call call);
  ingest::Answer apply(const Call& call);
  ingest::Answer refuse(const Call& call, tables::StoreError error);
  void tell(const Call& call, const tables::StoreError* error);
  ingest::Answer outcome(Call& call);
  void answer(Call& call, ingest::Answer answer);

  World& world_;
  Registry& registry_;
  boost::asio::any_io_executor executor_;
  OnOutcome outcome_;
  std::set<std::pair<std::string, std::string>> rows_;  // of which incarnation, which id
};

}  // namespace storagepool::recording::model
