// Where an event goes: into PostgreSQL, or, while PostgreSQL cannot take it, into the journal of this pod,
// from which it is stored later. What is recorded is durable in one of the two when `record` returns.
//
// An event whose storing has an unknown end (its connection broke at the commit, its time ran out) is
// journalled all the same: its id makes the second try store nothing if the first did. So is one whose parent
// PostgreSQL does not have while the journal holds events: the parent may be among them.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/event/event.h"
#include "pool/ingest/ingest.h"
#include "pool/journal/journal.h"
#include "pool/recording/destinations.h"
#include "pool/recording/event_store.h"

namespace storagepool::recording {

struct Recorded {
  bool journalled = false;
  std::vector<ingest::Stored> stored{};  // one for each event, unless journalled
};

class Recording {
 public:
  using Deadline = EventStore::Deadline;
  using Answer = tl::expected<Recorded, tables::StoreError>;
  // How long PostgreSQL is waited for when there is a journal to turn to: longer than a failover of a proxy,
  // shorter than clients wait.
  static constexpr std::chrono::seconds kPatience{5};

  // How long the journal's disk is waited for, however little time PostgreSQL has left of the deadline.
  static constexpr std::chrono::seconds kJournalPatience{10};

  // `journal` is null when none takes events. What is referred to must outlive this, and this every call that
  // has begun.
  Recording(EventStore& store, journal::Journal* journal, const runtime::Clock& clock)
      : store_(store), journal_(journal), clock_(clock) {}

  // The events are recorded together or not at all; each has its event_id. The error is what the client is to
  // be told: kUnavailable when neither PostgreSQL nor the journal can take them.
  boost::asio::awaitable<Answer> record(Destination destination, std::vector<event::Event> unit,
                                        Deadline deadline);

 private:
  boost::asio::awaitable<Answer> journal(std::string workspace, std::vector<event::Event> unit,
                                         Deadline deadline);
  // Whether the journal may take what PostgreSQL has refused with this error.
  bool undecided(tables::StoreError::Kind error, const Destination& destination) const;

  EventStore& store_;
  journal::Journal* journal_;
  const runtime::Clock& clock_;
};

}  // namespace storagepool::recording
