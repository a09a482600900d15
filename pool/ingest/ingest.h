// Group commit of audit events: what many callers store at once is written in batches, one statement and one
// commit for each, and every caller is answered when its events are durable. A call that finds nothing under
// way is written at once; while batches are being committed the next one forms, so that no delay is ever
// added.
//
//   Ingest ingest(executor, engine);
//   const auto stored = co_await ingest.store("audit", std::move(events), deadline);
//   if (!stored) co_return refused(stored.error());
//
// A repeated call stores nothing again: events are identified by their id, which must be set. What is
// accepted is bounded; beyond the bound a call is refused at once (kOverloaded). Which units are written
// together is decided in queue.h, how a batch is written is in writer.h. Not thread-safe: all
// calls on the executor.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "pool/engine/engine.h"
#include "pool/ingest/queue.h"
#include "pool/ingest/writer.h"

namespace storagepool::ingest {

struct Statistics {
  Load load;  // accepted and not answered yet
  Counters counters;
};

class Ingest {
 public:
  using Deadline = engine::TimePoint;
  // When a call stops waiting for its answer, as it stands now. Asked again when that time has come, which
  // may have moved.
  using GiveUpAt = std::function<Deadline()>;

  // `engine` must outlive the executor's work.
  Ingest(boost::asio::any_io_executor executor, engine::Engine& engine, Limits limits = {});
  ~Ingest();
  Ingest(const Ingest&) = delete;
  Ingest& operator=(const Ingest&) = delete;

  // Stores the events of one call, all or none, and returns what is now stored under each id, in order. When
  // the deadline passes before they are being written the answer is kUnavailable; when it passes later the
  // answer is what happened to them, at most `Limits::grace` after it. After kUnavailable they may have
  // been stored all the same, which a repeated call with the same ids finds out.
  //
  // With `give_up_at` no call waits longer than it says or than the deadline, also when the events are being
  // written: for callers that keep them elsewhere then.
  boost::asio::awaitable<Answer> store(std::string database, event::SharedEvents unit, Deadline deadline,
                                       GiveUpAt give_up_at = nullptr);

  // Called with what became of the events of each call that PostgreSQL was asked to store, whether or not the
  // call still waits; `error` is null when they were committed, or found to be.
  using OnOutcome = std::function<void(const std::string& database, const tables::StoreError* error)>;
  void on_outcome(OnOutcome listener);

  // What waits and is being written, as a share of what one database may have here.
  double fill(const std::string& database) const;

  // Each event that is stored from now on gets an entry in the log, under these keys; without a value: none.
  void set_log_keys(const std::optional<evidence::Keys>& keys);
  // Called for each batch of entries that was committed, before its calls are answered.
  using OnRecorded = std::function<void(const std::string& database, const Recorded& batch)>;
  void on_recorded(OnRecorded listener);
  // Asked when a batch was written and its calls were answered for work to be done on the connection that it
  // was written on before this is given back; no value: there is none.
  using Afterwards = std::function<std::optional<boost::asio::awaitable<void>>(const std::string& database,
                                                                               postgres::Connection&)>;
  void afterwards(Afterwards work);

  Statistics statistics() const;

  // Refuses new calls and waits until everything accepted is answered; false when that is not so by
  // `deadline`.
  boost::asio::awaitable<bool> drain(Deadline deadline);

 private:
  class State;
  std::shared_ptr<State> state_;  // shared with what is under way
};

}  // namespace storagepool::ingest
