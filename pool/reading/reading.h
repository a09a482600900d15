// The room that reads stored events. What a client asks for in a query string becomes a `ListQuery`
// (query.h), that a SELECT (statements.h), its rows become events (row.h), and those a page (page.h) that
// tells by a cursor where the next one begins (cursor.h). It writes nothing: how events are stored is in
// pool/ingest.
//
// A `Reader` does this through connections leased from the engine; every call names the database it is about.
// A statement that is worth it (a lost connection, a serialisation failure) is tried once more.
//
// Cost: an event of ours is found with one statement in one partition, one whose id its client made with two.
// A list is read in windows of a few months each, the newest first, until its page is full and its total
// known, which is counted no further than kCountedTo (page.h). Keyset paging (`ListQuery::cursor`) counts
// nothing and costs the same on every page.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/engine/engine.h"
#include "pool/event/event.h"
#include "pool/reading/page.h"
#include "pool/reading/query.h"
#include "pool/reading/read_places.h"
#include "pool/reading/statements.h"
#include "pool/reading/windows.h"
#include "pool/tables/store_error.h"

namespace storagepool::reading {

// kUnavailable: there is no memory for what is to be fetched.
tables::StoreError no_memory();

class Reader {
 public:
  using Deadline = engine::TimePoint;

  // `engine` and `clock` must outlive the reader.
  Reader(engine::Engine& engine, std::string system_database,
         const runtime::Clock& clock = runtime::system_clock())
      : engine_(engine), places_(std::make_shared<ReadPlaces>(std::move(system_database))), clock_(clock) {}

  // False: there is no memory for that many bytes more. Asked before a page that is larger than usual
  // (kUsualPageBytes) is fetched.
  using Reserve = std::function<bool(std::int64_t bytes)>;
  // True: who asked does not wait any more. Asked after a wait for a connection, so that what clients have
  // given up and asked for again is not read as often as they did. Null: nobody knows.
  using Gone = std::function<bool()>;

  // kUnavailable where `reserve` refuses, and for who has gone.
  boost::asio::awaitable<tl::expected<Page, tables::StoreError>> list(
      std::string database, ListQuery query, Deadline deadline,
      Reserve reserve = [](std::int64_t) { return true; }, Gone gone = {});
  // A connection for other reads of this database, in the place of a list or an event.
  struct Leased {
    ReadPlaces::Place place;
    engine::Lease connection;  // given back first
  };
  boost::asio::awaitable<tl::expected<Leased, tables::StoreError>> lease(std::string database,
                                                                         Deadline deadline, Gone gone = {});
  // `event_id` in canonical form.
  boost::asio::awaitable<tl::expected<std::optional<event::Event>, tables::StoreError>> get(
      std::string database, std::string event_id, Deadline deadline, Gone gone = {});

 private:
  class Session;
  // Of months that come or go meanwhile nothing depends but how many locks a list takes.
  struct KnownMonths {
    std::optional<Months> months{};
    runtime::TimePoint read_at{};
  };
  boost::asio::awaitable<tl::expected<std::optional<Months>, tables::StoreError>> months_of(
      Session& session, const std::string& database);
  static boost::asio::awaitable<tl::expected<std::optional<event::Event>, tables::StoreError>> read_one(
      Session& session, Statement statement);

  engine::Engine& engine_;
  std::shared_ptr<ReadPlaces> places_;  // shared with reads under way
  const runtime::Clock& clock_;
  std::unordered_map<std::string, KnownMonths> months_;  // by database
};

}  // namespace storagepool::reading
