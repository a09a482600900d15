// Brings the journal's units into PostgreSQL: in the order of their acceptance within each workspace, one
// batch at a time, paced by ReplayPacing. What cannot be stored now is tried again with growing pauses, and
// keeps no other workspace waiting.
//
// Set aside, with the reason, is only what can never be stored: a unit whose events PostgreSQL refuses when
// it comes alone, and what is for a workspace that is gone. A child whose parent is not there is awaited:
// units behind it go on, and when it has been in the journal for a while it is stored without its parent.
//
// A unit is removed from the journal after it is stored: what a crash leaves in both is stored again, which
// by its event ids has no effect. Runs on one executor, where its members must be used too.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/loop/coroutine.h"
#include "pool/recording/backlog.h"
#include "pool/recording/replay_pacing.h"
#include "pool/tables/store_error.h"

namespace storagepool::recording {

struct ReplayOptions {
  ReplayLimits limits{};
  std::function<bool()> live_requests{};  // whether any come; null: never
  // How long a child has been in the journal when it is stored without its parent: longer than the journal of
  // another pod, where the parent may be, takes to be replayed.
  std::chrono::milliseconds parents_wait{std::chrono::minutes{10}};
  std::uint64_t seed = std::random_device{}();  // of what back-offs leave to chance
};

// Counts since the start.
struct ReplayStatistics {
  std::int64_t batches = 0;          // stored
  std::int64_t events = 0;           // stored
  std::int64_t set_aside = 0;        // units
  std::int64_t without_parents = 0;  // units stored though parents are missing
  std::int64_t failures = 0;         // rounds that PostgreSQL or the journal's disk ended
  std::string last_failure{};        // empty as soon as nothing keeps any workspace from being stored
};

class Replay {
 public:
  using Deadline = std::chrono::steady_clock::time_point;
  using GiveUpAt = std::function<Deadline()>;
  // Stores events in the workspace's database: all of them or none. To end by what `give_up_at` says, as in
  // Ingest::store; it says no less when asked later, unless the replay is stopped. kDatabaseMissing means
  // that the workspace is gone for good.
  using Store = std::function<boost::asio::awaitable<tl::expected<void, tables::StoreError>>(
      journal::Origin origin, std::vector<event::Event> events, GiveUpAt give_up_at)>;

  // `clock` paces. It and `backlog` must outlive the replay.
  Replay(boost::asio::any_io_executor executor, Backlog& backlog, Store store, const runtime::Clock& clock,
         ReplayOptions options = {});
  // `stop` must have returned true, or the executor run no more.
  ~Replay();
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  void start();
  // Goes on as long as PostgreSQL takes what there is, at the longest until the deadline. True when nothing
  // is under way any more.
  boost::asio::awaitable<bool> stop(Deadline deadline);

  const ReplayStatistics& statistics() const { return statistics_; }

 private:
  using Lane = ReplayPacing::Lane;
  // Units of one workspace that are stored together.
  struct Group {
    Lane lane = Lane::kFlowing;
    std::string workspace{};
    std::string incarnation{};
    std::vector<journal::Unit> units{};
    std::set<std::string> client_ids{};
    bool without_parents = false;
  };
  // What became of units: the replay goes on, or PostgreSQL or the journal cannot take part now.
  enum class Outcome { kDone, kPostgresqlFailed, kJournalFailed };

  boost::asio::awaitable<void> run(Lane lane);
  boost::asio::awaitable<ReplayPacing::Action> next(Lane lane);
  bool must_end(Lane lane) const;
  boost::asio::awaitable<Outcome> round(Lane lane, ReplayPacing::Take take);
  void end_round(const std::string& workspace, Outcome outcome, runtime::TimePoint begun);
  boost::asio::awaitable<Outcome> store_group(Group group);
  boost::asio::awaitable<Outcome> store_halves(Group group);
  boost::asio::awaitable<Outcome> without_parents(Group alone);
  boost::asio::awaitable<Outcome> set_aside(Group group, tables::StoreError error);
  boost::asio::awaitable<Outcome> remove(Group group);
  Outcome put_off(const Group& alone);
  Outcome failed(Outcome how, std::string reason);
  bool waited_long(const journal::Unit& unit) const;
  GiveUpAt give_up_at(Lane lane) const;

  boost::asio::any_io_executor executor_;
  Backlog& backlog_;
  Store store_;
  const runtime::Clock& clock_;
  ReplayOptions options_;
  ReplayPacing pacing_;
  std::mt19937_64 random_;
  runtime::Notification changed_;  // appended, changed lanes, stopping, or stopped
  ReplayStatistics statistics_;
  int lanes_ = 0;  // that run
  std::optional<Deadline> stop_at_;
};

}  // namespace storagepool::recording
