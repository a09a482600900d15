// What keeps events that have been kept for long enough: legal holds on their correlations, which are placed
// and released in pool/evidence/holds. Here is what everybody must know of them who reads, deletes or drops.
#pragma once

#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/postgres/connection.h"

namespace storagepool::tables {

// Whether a hold keeps the event, in SQL, of a table with the columns of audit_events.
inline const std::string kHeld =
    "correlation_id IN (SELECT correlation_id FROM audit_legal_holds WHERE released_at IS NULL)";
// The same of events with one correlation, whatever names it: looked up once, however many tables are read.
inline std::string held(const std::string& correlation_id) {
  return "EXISTS (SELECT FROM audit_legal_holds WHERE correlation_id = " + correlation_id +
         " AND released_at IS NULL)";
}

// For a transaction that deletes or drops: until its end no hold is placed, and its statements see those that
// are there.
inline constexpr const char* kHoldsStay = "LOCK TABLE audit_legal_holds IN SHARE MODE";

// Both for a connection outside a transaction, to a database of any schema.
// Whether a hold stands.
boost::asio::awaitable<tl::expected<bool, postgres::Error>> has_holds(postgres::Connection& connection,
                                                                      postgres::Deadline deadline);
// For a database that is about to be dropped: none can be placed from now on, nor can events be read. False,
// and nothing is done, where one stands.
boost::asio::awaitable<tl::expected<bool, postgres::Error>> close_holds(postgres::Connection& connection,
                                                                        postgres::Deadline deadline);

}  // namespace storagepool::tables
