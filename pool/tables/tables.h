// The room of the tables in PostgreSQL that hold events: their schema, the monthly partitions that are made
// ahead and dropped when their events have expired (partitions.h), and what it means to who asked when a
// statement on them fails (store_error.h). Their columns are those of the fields of an event
// (pool/event/fields.h).
//
// Here is the schema, as numbered migrations, recorded in the table `storagepool_schema`. Any number of pods
// may migrate one database at once: each migration is one transaction under an advisory lock, so it happens
// once, whole, or not at all. Migrations only add: a release works on every schema newer than its own, so
// that pods of two releases can share a database while one replaces the other.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/postgres/connection.h"

namespace storagepool::tables {

struct Migration {
  std::int64_t version;  // 1, 2, 3, ...
  std::string_view name;
  std::string_view sql;
};

// Every migration of this release, oldest first. PostgreSQL 13 and newer.
std::span<const Migration> migrations();

struct SchemaState {
  std::int64_t version = 0;  // of the database now
  bool newer_than_known = false;
};

// Brings the database up to `known`. At most until `deadline`, also while another pod holds the lock; after
// an error the call can be repeated.
boost::asio::awaitable<tl::expected<SchemaState, postgres::Error>> migrate(postgres::Connection& connection,
                                                                           std::span<const Migration> known,
                                                                           postgres::Deadline deadline);

}  // namespace storagepool::tables
