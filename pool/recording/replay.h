// Brings the journal's units into PostgreSQL: in the order of their acceptance within each workspace, one
// batch at a time, paced by ReplayPacing. While PostgreSQL is away it tries again with growing pauses. An
// unit that PostgreSQL refuses when it comes alone is set aside with the reason, and the rest goes on.
//
// A unit is removed from the journal after it is stored: what a crash leaves in both is stored again, which
// by its event ids has no effect. Runs on one executor, where its members must be used too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/coroutine.h"
#include "pool/journal/journal.h"
#include "pool/recording/replay_pacing.h"
#include "pool/tables/store_error.h"

namespace storagepool::recording {

struct ReplayOptions {
  ReplayLimits limits;
  std::function<bool()> live_requests_wait;  // for PostgreSQL, now; null: never
};

// Counts since the start.
struct ReplayStatistics {
  std::int64_t batches = 0;    // stored
  std::int64_t events = 0;     // stored
  std::int64_t set_aside = 0;  // units
  std::int64_t failures = 0;   // rounds that PostgreSQL or the journal's disk ended
  std::string last_failure;    // empty as soon as a batch is stored
};

class Replay {
 public:
  using Deadline = std::chrono::steady_clock::time_point;
  // Stores events in the workspace's database (empty: the system database): all of them or none. Must end by
  // a deadline of its own. kUnavailable and kOverloaded are tried again, kDatabaseMissing sets aside whatever
  // is for that workspace, every other error what causes it.
  using Store = std::function<boost::asio::awaitable<tl::expected<void, tables::StoreError>>(
      std::string workspace, std::vector<event::Event> events)>;

  // `clock` paces. It and `journal` must outlive the replay.
  Replay(boost::asio::any_io_executor executor, journal::Journal& journal, Store store,
         const runtime::Clock& clock, ReplayOptions options);
  // `stop` must have returned true, or the executor run no more.
  ~Replay();
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  void start();
  // Begins no further batch; true when the one under way has ended.
  boost::asio::awaitable<bool> stop(Deadline deadline);

  const ReplayStatistics& statistics() const { return statistics_; }

 private:
  // Units of one workspace that are stored together.
  struct Group {
    std::string workspace;
    std::vector<journal::Unit> units;
    std::set<std::string> client_ids = {};
  };
  // What became of units: the replay goes on, or must wait.
  enum class Outcome { kDone, kWait };

  boost::asio::awaitable<void> run();
  boost::asio::awaitable<Outcome> round(ReplayPacing::Take take);
  boost::asio::awaitable<Outcome> store_group(Group group);
  boost::asio::awaitable<Outcome> store_one_by_one(Group group);
  boost::asio::awaitable<Outcome> set_aside(std::string workspace, std::vector<std::int64_t> sequences,
                                            tables::StoreError error);
  boost::asio::awaitable<Outcome> remove(std::vector<std::int64_t> sequences, std::size_t events);
  Outcome must_wait(const std::string& reason);
  static std::vector<Group> to_groups(std::vector<journal::Unit> units);

  boost::asio::any_io_executor executor_;
  journal::Journal& journal_;
  Store store_;
  const runtime::Clock& clock_;
  std::function<bool()> live_requests_wait_;
  ReplayPacing pacing_;
  std::mt19937_64 random_;
  runtime::Notification changed_;  // appended, stopping, or stopped
  ReplayStatistics statistics_;
  bool running_ = false;
  bool stopping_ = false;
};

}  // namespace storagepool::recording
