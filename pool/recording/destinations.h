// Which database events are in: the system database, or the one of their workspace. Requests and the replay
// of the journal find it here, and ask here what it means when that database is not there.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/tables/store_error.h"
#include "pool/workspaces/workspaces.h"

namespace storagepool::recording {

// A workspace, or the system database when `workspace` is empty, and the database that holds its events.
struct Destination {
  std::string workspace;
  std::string database;       // empty: not known now
  std::string incarnation{};  // of the workspace
};

class Destinations {
 public:
  using Deadline = workspaces::Workspaces::Deadline;

  // `workspaces` must outlive this, and this every call that has begun.
  Destinations(workspaces::Workspaces& workspaces, std::string system_database)
      : workspaces_(workspaces), system_database_(std::move(system_database)) {}

  const std::string& system_database() const { return system_database_; }

  // The system database, for an empty name, is found without being asked for.
  boost::asio::awaitable<tl::expected<Destination, workspaces::Error>> find(std::string workspace,
                                                                            Deadline deadline);

  // For a write. While the registry cannot be asked, after a short wait, the answer is a destination without
  // a database: whether the workspace is there is found out when the journal is replayed.
  boost::asio::awaitable<tl::expected<Destination, workspaces::Error>> find_for_write(std::string workspace,
                                                                                      Deadline deadline);

  // What the registry says of a workspace whose database was found missing (`error`), which another pod may
  // have dropped meanwhile. No value when the error stands as it is: it is another, or of the system
  // database, or the registry knows of no reason.
  boost::asio::awaitable<std::optional<workspaces::Error>> explain(Destination destination,
                                                                   tables::StoreError::Kind error,
                                                                   Deadline deadline);
  // Whether it says so of this one.
  boost::asio::awaitable<bool> gone(Destination destination, Deadline deadline);

 private:
  workspaces::Workspaces& workspaces_;
  const std::string system_database_;
};

}  // namespace storagepool::recording
