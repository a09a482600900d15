// Writes one batch into its database: looks up parents, stores the rows in one statement, which is one
// transaction, finds what was stored before under ids that clients made, and answers every unit. Private to
// the ingest.
//
// What an error means is decided in pool/postgres/disposition.h. A batch that the server refuses for its data
// is split in halves between units until the one at fault is alone and refused; the others are stored. One
// that may well succeed at once, as after a lost connection or a deadlock, is tried once more: rows stored by
// the first attempt are found by their primary key. Everything else is kUnavailable.
//
// Each attempt offers the log an entry for each event, in the same statement as its row (pool/evidence).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/metrics/histogram.h"
#include "pool/engine/engine.h"
#include "pool/evidence/entry.h"
#include "pool/ingest/queue.h"
#include "pool/ingest/recorded.h"
#include "pool/tables/store_error.h"

namespace storagepool::ingest {

struct Stored {
  runtime::Timestamp
      event_timestamp;   // of the event now stored under the id, which a repeated call finds as it was
  bool created = false;  // false: the id was stored before, nothing was added
  std::optional<runtime::Date> parent_event_date = {};  // of what was added
};

using Answer = tl::expected<std::vector<Stored>, tables::StoreError>;

inline constexpr std::array kBatchEventBuckets{1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0};
inline constexpr std::array kBatchSecondBuckets{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
                                                0.2,   0.5,   1.0,   2.0,  5.0,  10.0};

// What has happened since the start.
struct Counters {
  std::uint64_t batches = 0;     // written, whole or in parts
  std::uint64_t events = 0;      // added to a database
  std::uint64_t bisections = 0;  // of batches refused for their data
  std::uint64_t repeats = 0;     // of statements that might succeed at once, as after a lost connection
  std::uint64_t rejected = 0;    // units refused for their data or a missing parent
  std::uint64_t expired = 0;     // units whose deadline passed before they could be written
  std::uint64_t overloaded = 0;  // units refused because the queue was full
  runtime::Histogram<kBatchEventBuckets.size()> batch_events{kBatchEventBuckets};
  // From having a connection to the last answer: parents, rows and commit, with repeats and bisections.
  runtime::Histogram<kBatchSecondBuckets.size()> batch_seconds{kBatchSecondBuckets};
};

class Writer {
 public:
  using TimePoint = Unit::TimePoint;
  using OnAnswer = std::function<void(const Unit&, Answer)>;
  using OnRecorded = std::function<void(const Recorded&)>;

  // Everything is answered soon after `deadline`. `entries` makes those of the log, unless it is null, and
  // `on_recorded` hears of each batch of them before its events are answered. `engine`, `entries` and
  // `counters` must outlive the writer.
  Writer(engine::Engine& engine, evidence::EntryWriter* entries, std::string database, TimePoint deadline,
         OnAnswer on_answer, OnRecorded on_recorded, Counters& counters)
      : engine_(engine),
        entries_(entries),
        database_(std::move(database)),
        deadline_(deadline),
        on_answer_(std::move(on_answer)),
        on_recorded_(std::move(on_recorded)),
        counters_(counters) {}

  // To be awaited while this lives. Gives the connection back that it has in the end, if it has one.
  boost::asio::awaitable<std::optional<engine::Lease>> write(engine::Lease lease, std::vector<Unit> units);

 private:
  struct Part {
    std::vector<Unit> units{};
    bool repeated = false;
  };
  using Failure = std::optional<postgres::Error>;
  struct Known {
    std::optional<runtime::Timestamp> event_timestamp{};
    std::string content_digest{};  // in hexadecimal; empty: not known
  };
  // What is stored under ids that clients made; no value for one that is not there.
  using StoredIds = std::unordered_map<std::string_view, std::optional<Known>>;
  using FoundIds = tl::expected<StoredIds, postgres::Error>;

  // Answers all units, or says what failed and leaves the unanswered ones in `units`.
  boost::asio::awaitable<Failure> attempt(postgres::Connection& connection, std::vector<Unit>& units);
  // Stores the rows by the statement that suits the ids.
  boost::asio::awaitable<tl::expected<postgres::Result, postgres::Error>> store_rows(
      postgres::Connection& connection, const std::vector<const event::Event*>& events,
      const std::vector<Unit>& units, bool claims);
  boost::asio::awaitable<tl::expected<postgres::Result, postgres::Error>> record(
      postgres::Connection& connection, const std::string& sql,
      const std::vector<const event::Event*>& events, const std::vector<std::int64_t>& units);
  // Of these events, under an id of its own; no value where nobody makes entries.
  std::optional<evidence::NewBatch> batch_of(const std::vector<const event::Event*>& events) const;
  // Answers the units that lack a parent and takes them out.
  boost::asio::awaitable<Failure> check_parents(postgres::Connection& connection, std::vector<Unit>& units);
  // An id that a pod made for a stored event is found from now on as one that a client made: its client knows
  // it from the answer and sends it again.
  boost::asio::awaitable<Failure> claim_stored(postgres::Connection& connection,
                                               const std::vector<const event::Event*>& events);
  boost::asio::awaitable<FoundIds> find_stored(postgres::Connection& connection,
                                               std::vector<std::string_view> event_ids);
  // `before`: of the ids that were not free. `refused`: nothing of the unit was stored.
  void answer(const Unit& unit, const StoredIds& before, bool refused);
  // Puts back what is worth another attempt, or answers.
  void handle(const postgres::Error& error, Part part);
  void fail_all(const tables::StoreError& error);
  void refuse(const Unit& unit, const tables::StoreError& error);

  engine::Engine& engine_;
  evidence::EntryWriter* entries_;
  std::string database_;
  TimePoint deadline_;
  OnAnswer on_answer_;
  OnRecorded on_recorded_;
  Counters& counters_;
  std::vector<Part> parts_;  // still to be written, the next one last
};

}  // namespace storagepool::ingest
