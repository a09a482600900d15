// The indexes of events that are there only where they are asked for (settings/event_indexes.h): one for each
// partition, `audit_events_y2026m11_by_actor`, made and dropped CONCURRENTLY, so that whoever writes or reads
// waits for none of it. There is none of the whole table, which can be made so in no release of PostgreSQL; a
// list reads those of the months it goes through.
//
// What is to be done is decided by `plan_indexes`, pure; `step` does the first of it. Any number of pods may
// call it at once: one does the work, the others skip. An index that was left unfinished, for the pod or the
// server ended meanwhile, is found by its not being valid, dropped and made again.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/settings/event_indexes.h"
#include "pool/engine/engine.h"

namespace storagepool::tables {

// One that a partition has or may have.
struct PartitionIndex {
  enum class State { kMissing, kInvalid, kValid };
  std::string partition;
  std::string kind;  // of settings::kEventIndexes
  State state = State::kMissing;
};

struct IndexTask {
  bool make = false;  // else it is dropped
  std::string name;   // of the index
  std::string sql;
};

// In the order in which it is best done: what costs writers and helps nobody goes first; the rest as found.
// One that is invalid is to be dropped, and when that is done is missing.
std::vector<IndexTask> plan_indexes(std::span<const PartitionIndex> found,
                                    const settings::EventIndexes& wanted);

// What one step did.
struct IndexStep {
  bool skipped = false;  // another pod is at it
  std::string made;      // name of an index; "": none
  std::string dropped;

  bool idle() const { return made.empty() && dropped.empty(); }
};

// Of those a pod may have, as many must there be that one can be held for long.
inline constexpr std::int64_t kIndexConnections = 2;

class IndexUpkeep {
 public:
  using Deadline = engine::TimePoint;

  // `engine` must outlive this, and this every step that has begun.
  IndexUpkeep(engine::Engine& engine, settings::EventIndexes wanted);

  // One at a time. Holds a connection to the database for as long as PostgreSQL takes over one index of one
  // month, until `deadline`. REQUIRES: this pod may have kIndexConnections to it. An error names the index,
  // and the next step goes on with another one.
  boost::asio::awaitable<tl::expected<IndexStep, std::string>> step(std::string database, Deadline deadline);
  // Tasks of the database of the step before, as that has last seen it.
  std::int64_t left() const { return left_; }
  // What a step is at is given up soon, and none does anything any more.
  void stop();

 private:
  boost::asio::awaitable<tl::expected<std::vector<IndexTask>, std::string>> look(
      postgres::Connection& connection, Deadline deadline);
  boost::asio::awaitable<tl::expected<void, std::string>> perform(postgres::Connection& connection,
                                                                  IndexTask task, Deadline deadline);

  engine::Engine& engine_;
  const settings::EventIndexes wanted_;
  std::set<std::string> failed_;           // indexes, since all was well
  boost::asio::any_io_executor executor_;  // of the step under way, and its database
  std::string database_;
  std::shared_ptr<std::string> session_;  // that is at an index, as the server names it: "" when it has ended
  std::int64_t left_ = 0;
  bool stopped_ = false;
};

}  // namespace storagepool::tables
