// The room that reads stored events. What a client asks for in a query string becomes a `ListQuery`
// (query.h), that a SELECT (statements.h), its rows become events (row.h), and those a page (page.h) that
// tells by a cursor where the next one begins (cursor.h). It writes nothing: how events are stored is in
// pool/ingest.
//
// A `Reader` does this through connections leased from the engine; every call names the database it is about.
// A statement that is worth it (a lost connection, a serialisation failure) is tried once more.
//
// Cost: an event of ours is found with one statement in one partition, one whose id its client made with two.
// Of lists see statements.h; the total that a list without a cursor tells is counted, except when the page
// shows it. Keyset paging (`ListQuery::cursor`) costs the same on every page.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/engine/engine.h"
#include "pool/event/event.h"
#include "pool/reading/page.h"
#include "pool/reading/query.h"
#include "pool/reading/statements.h"
#include "pool/tables/store_error.h"

namespace storagepool::reading {

class Reader {
 public:
  using Deadline = engine::TimePoint;

  // `engine` must outlive the reader.
  explicit Reader(engine::Engine& engine) : engine_(engine) {}

  boost::asio::awaitable<tl::expected<Page, tables::StoreError>> list(std::string database, ListQuery query,
                                                                      Deadline deadline);
  // `event_id` in canonical form.
  boost::asio::awaitable<tl::expected<std::optional<event::Event>, tables::StoreError>> get(
      std::string database, std::string event_id, Deadline deadline);

 private:
  boost::asio::awaitable<tl::expected<postgres::Result, tables::StoreError>> run(const std::string& database,
                                                                                 Statement statement,
                                                                                 Deadline deadline);
  boost::asio::awaitable<tl::expected<std::optional<event::Event>, tables::StoreError>> read_one(
      const std::string& database, Statement statement, Deadline deadline);

  engine::Engine& engine_;
};

}  // namespace storagepool::reading
