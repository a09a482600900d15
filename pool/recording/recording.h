// Where an event goes: into PostgreSQL, or, while PostgreSQL cannot take it, into the journal of this pod,
// from which it is stored later. What is recorded is durable in one of the two when `record` returns.
//
// An event whose storing has an unknown end (its connection broke at the commit, its time ran out) is
// journalled all the same: its id makes the second try store nothing if the first did. So is one whose parent
// PostgreSQL does not have while the journal holds events: the parent may be among them.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/event/event.h"
#include "pool/ingest/ingest.h"
#include "pool/journal/journal.h"

namespace storagepool::recording {

struct Recorded {
  bool journalled = false;
  std::vector<ingest::Stored> stored{};  // one for each event, unless journalled
};

// A workspace, or the system database when `workspace` is empty, and the database that holds its events.
struct Destination {
  std::string workspace;
  std::string database;
};

class Recorder {
 public:
  using Deadline = ingest::Ingest::Deadline;
  // How long PostgreSQL is waited for when there is a journal to turn to: longer than a failover of a proxy,
  // shorter than clients wait.
  static constexpr std::chrono::seconds kPatience{5};

  // How long the journal's disk is waited for, however little time PostgreSQL has left of the deadline.
  static constexpr std::chrono::seconds kJournalPatience{10};

  struct Parts {
    std::function<boost::asio::awaitable<tl::expected<std::vector<ingest::Stored>, tables::StoreError>>(
        std::string database, std::vector<event::Event> unit, Deadline deadline)>
        store;
    // Absent when there is no journal.
    std::function<boost::asio::awaitable<tl::expected<void, journal::JournalError>>(
        std::string workspace, std::vector<event::Event> unit, Deadline deadline)>
        journal;
    std::function<bool()> away;     // PostgreSQL is known not to take events now
    std::function<bool()> backlog;  // the journal holds events that are not stored yet
  };
  explicit Recorder(Parts parts) : parts_(std::move(parts)) {}

  // The events are recorded together or not at all; each has its event_id. The error is what the client is to
  // be told: kUnavailable when neither PostgreSQL nor the journal can take them.
  boost::asio::awaitable<tl::expected<Recorded, tables::StoreError>> record(Destination destination,
                                                                            std::vector<event::Event> unit,
                                                                            Deadline deadline);

 private:
  boost::asio::awaitable<tl::expected<Recorded, tables::StoreError>> journal(std::string workspace,
                                                                             std::vector<event::Event> unit,
                                                                             Deadline deadline);
  Parts parts_;
};

}  // namespace storagepool::recording
