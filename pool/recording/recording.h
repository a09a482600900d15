// Where an event goes: into PostgreSQL, or, while PostgreSQL cannot take it, into the journal of this pod,
// from which it is stored later. What is recorded is durable in one of the two when `record` returns.
//
// A write waits for PostgreSQL as long as that commits (stall.h); whatever keeps PostgreSQL from storing it,
// unless it lies in the events themselves, leads to the journal. An event whose storing has an unknown end
// (its connection broke at the commit, nothing was committed for a while) is journalled all the same: its id
// makes the second try store nothing if the first did. So is one whose parent PostgreSQL does not have while
// events are journalled or were a short while ago: the parent may be among them, here or in another pod.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/event/shared_events.h"
#include "pool/ingest/ingest.h"
#include "pool/recording/backlog.h"
#include "pool/recording/destinations.h"
#include "pool/recording/event_store.h"
#include "pool/recording/stall.h"

namespace storagepool::recording {

struct Recorded {
  bool journalled = false;
  std::vector<ingest::Stored> stored{};  // one for each event, unless journalled
};

struct RecordingOptions {
  std::chrono::milliseconds stall_after{std::chrono::seconds{1}};
  std::function<void()> on_stall{};    // nothing commits: PostgreSQL may be away
  EventStore::OnOutcome on_outcome{};  // of every call to the store
  // Why nothing is to go to the journal now; empty, or null: it may.
  std::function<std::string()> journal_refuses{};
  // Whether a workspace whose database is missing is no more, by the registry's word; null: never.
  std::function<boost::asio::awaitable<bool>(Destination, EventStore::Deadline)> gone{};
};

class Recording {
 public:
  using Deadline = EventStore::Deadline;
  using Answer = tl::expected<Recorded, tables::StoreError>;
  // How long a write waits though others are committed, unless `stall_after` is longer: clients give up after
  // five seconds and send once more.
  static constexpr std::chrono::seconds kLongestWait{4};

  // How long the journal's disk is waited for, however little time PostgreSQL has left of the deadline.
  static constexpr std::chrono::seconds kJournalPatience{10};

  // How long after the last event was journalled parents may still be in the journal of another pod.
  static constexpr std::chrono::minutes kParentsTravel{10};

  // `journal` is null when none takes events. What is referred to must outlive this, and this every call that
  // has begun.
  Recording(EventStore& store, Backlog* journal, const runtime::Clock& clock, RecordingOptions options = {});
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  // The events are recorded together or not at all; each has its event_id. What is for a workspace that could
  // not be looked up (no database) is journalled, for it might be about to be dropped. The error is what the
  // client is to be told: kUnavailable when neither PostgreSQL nor the journal can take them.
  boost::asio::awaitable<Answer> record(Destination destination, event::SharedEvents unit, Deadline deadline);

  void set_stall_after(std::chrono::milliseconds stall_after);
  Stalls::Figures stalls() const { return stalls_.figures(clock_.now()); }

  // Within the last second.
  bool called_lately() const;

  // Calls whose events are on their way into the journal: its statistics do not count them yet.
  std::int64_t journalling() const { return *journalling_; }

 private:
  // A write to the store is no longer waited for.
  void ended(const std::string& database, const ingest::Answer& answer);
  boost::asio::awaitable<Answer> journal(journal::Origin origin, event::SharedEvents unit, Deadline deadline);
  // Whether the journal may take what PostgreSQL has refused with this error.
  boost::asio::awaitable<bool> undecided(tables::StoreError::Kind error, Destination destination,
                                         Deadline deadline);
  bool parents_may_come() const;

  EventStore& store_;
  Backlog* journal_;
  const runtime::Clock& clock_;
  RecordingOptions options_;
  Stalls stalls_;
  std::optional<runtime::TimePoint> called_;      // the last time
  std::optional<runtime::TimePoint> journalled_;  // likewise
  std::shared_ptr<std::int64_t> journalling_ = std::make_shared<std::int64_t>(0);
};

}  // namespace storagepool::recording
