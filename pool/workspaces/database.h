// The database behind a workspace: making and dropping it, on a session of the system database, private to
// this folder. Both are done under an advisory lock of the workspace's name, one session at a time over all
// pods, and only while the registry still wants it; so neither a pod that was overtaken nor one that died
// half-way does harm, and either can be repeated.
//
// A database is marked as ours by its comment. One that another system database has marked is left alone: two
// of them may map their workspaces to one name. One without a mark, which the role must own, is taken: it was
// made by a pod that died before marking it, or for us by an administrator.
#pragma once

#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/settings/settings.h"
#include "pool/postgres/connection.h"
#include "pool/workspaces/registry.h"

namespace storagepool::workspaces {

enum class DatabaseWork {
  kDone,
  kBusy,          // another session is at it; worth trying again soon
  kInUse,         // by something that DROP DATABASE cannot end
  kOvertaken,     // the registry wants something else by now
  kTaken,         // the database belongs to another system database or role
  kNotPermitted,  // the role lacks CREATEDB
};

struct WorkspaceDatabase {
  WorkspaceRow row;
  std::string database;
  std::string system_database;
};

using DatabaseAnswer = boost::asio::awaitable<tl::expected<DatabaseWork, postgres::Error>>;

// Whether the database is there and is that of the workspace; of the row only the name counts.
boost::asio::awaitable<tl::expected<bool, postgres::Error>> is_marked(postgres::Connection& connection,
                                                                      WorkspaceDatabase asked,
                                                                      postgres::Deadline deadline);
// While row.incarnation is being created. `limits` are those in force, which the session has again
// afterwards: PostgreSQL may take longer over a database than over a statement of a request.
DatabaseAnswer make_database(postgres::Connection& connection, WorkspaceDatabase wanted,
                             settings::Settings limits, postgres::Deadline deadline);
// While the workspace is being deleted. Ends every session on the database, also those of other pods, and
// records that it is gone.
DatabaseAnswer drop_database(postgres::Connection& connection, WorkspaceDatabase unwanted,
                             settings::Settings limits, postgres::Deadline deadline);

}  // namespace storagepool::workspaces
