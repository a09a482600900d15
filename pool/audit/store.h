// Audit events in PostgreSQL: one statement per operation through a connection leased from the engine. A
// statement that a lost connection or a serialisation failure interrupted is tried once more; storing is
// idempotent by event id, so that a second try, ours or the client's, never stores twice.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/audit/event.h"
#include "pool/audit/query.h"
#include "pool/audit/serialize.h"
#include "pool/engine/engine.h"

namespace storagepool::audit {

struct StoreError {
  enum class Kind {
    kParentMissing,
    kPageTooLarge,  // the page asked for holds more than kMaxPageBytes
    kRejected,      // PostgreSQL refuses a value that passed validation
    kUnavailable,   // no connection in time, or it failed; worth trying again after `retry_after`
    kInternal,
  };
  Kind kind = Kind::kInternal;
  std::string detail;  // safe to show to a client
  std::chrono::milliseconds retry_after{};
};

struct Stored {
  Timestamp event_timestamp;  // of the event now stored under the id, which a repeated call finds as it was
  bool created = false;       // false: the id was stored before, nothing was added
};

struct Page {
  std::vector<Event> events;  // newest first: event_timestamp, then event_id, both descending
  Pagination pagination;
};

inline constexpr std::int64_t kMaxPageBytes =
    std::int64_t{32} * 1024 * 1024;  // of event_data and error_message

class Store {
 public:
  using Deadline = engine::TimePoint;

  // `engine` must outlive the store.
  Store(engine::Engine& engine, std::string database);

  // `event.event_id` must be set.
  boost::asio::awaitable<tl::expected<Stored, StoreError>> insert(Event event, Deadline deadline);
  boost::asio::awaitable<tl::expected<Page, StoreError>> list(ListQuery query, Deadline deadline);
  boost::asio::awaitable<tl::expected<std::optional<Event>, StoreError>> get(std::string event_id,
                                                                             Deadline deadline);

 private:
  boost::asio::awaitable<tl::expected<postgres::Result, StoreError>> run(
      std::string sql, std::vector<postgres::Parameter> parameters, Deadline deadline);

  engine::Engine& engine_;
  std::string database_;
};

}  // namespace storagepool::audit
