// The registry of workspaces: the statements on the table `storagepool_workspaces` of the system database,
// private to this folder. The table is made by the first creation. Without it there are no workspaces, unless
// there are databases that are marked as theirs: then it is lost, which is an error of every operation.
//
//              PUT                 database made and migrated
//   (no row) --------> creating ------------------------------> ready
//                        ^  | DELETE                              | DELETE
//                 PUT    |  `-----------> deleting <--------------'
//              deleted <------------------'    database dropped
//
// A row is `deleted` for a day, so that whoever deleted the workspace learns that it is gone.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/timestamp.h"
#include "pool/postgres/connection.h"

namespace storagepool::workspaces {

enum class WorkspaceState { kCreating, kReady, kDeleting, kDeleted };
std::string_view to_string(WorkspaceState state);
std::optional<WorkspaceState> parse_workspace_state(std::string_view text);

struct WorkspaceRow {
  std::string name;
  WorkspaceState state = WorkspaceState::kCreating;
  std::string incarnation;  // a uuid, another each time the name is created
  runtime::Timestamp created_at;
};

// The comment by which the database of a workspace is known as such.
std::string mark_of(std::string_view workspace, std::string_view system_database);

struct UnfinishedWorkspace {
  WorkspaceRow row;
  bool due = false;  // nobody else is expected to work on it
};

// How many there are in each state.
struct WorkspaceCounts {
  std::int64_t creating = 0;
  std::int64_t ready = 0;
  std::int64_t deleting = 0;
  friend bool operator==(const WorkspaceCounts&, const WorkspaceCounts&) = default;
};

namespace registry {

template <typename T>
using Answer = boost::asio::awaitable<tl::expected<T, postgres::Error>>;
using FoundRow = std::optional<WorkspaceRow>;

Answer<FoundRow> find(postgres::Connection& connection, std::string name, postgres::Deadline deadline);
// By name, bytewise, those behind `after` that match one of the globs, if any are given; without the deleted
// ones.
Answer<std::vector<WorkspaceRow>> list(postgres::Connection& connection, std::int64_t limit,
                                       std::string after, postgres::Deadline deadline,
                                       std::optional<std::vector<std::string>> globs);
Answer<WorkspaceCounts> count(postgres::Connection& connection, postgres::Deadline deadline);
// The row as it is now: `creating` if there was none or it was deleted.
Answer<FoundRow> begin_creation(postgres::Connection& connection, std::string name,
                                postgres::Deadline deadline);
// The row as it is now: `deleting` if it was creating or ready.
Answer<FoundRow> begin_removal(postgres::Connection& connection, std::string name,
                               postgres::Deadline deadline);
// True when this call made the incarnation ready.
Answer<bool> mark_ready(postgres::Connection& connection, WorkspaceRow row, postgres::Deadline deadline);
Answer<bool> mark_deleted(postgres::Connection& connection, std::string name, postgres::Deadline deadline);
// Takes back a removal; true when this call did.
Answer<bool> keep(postgres::Connection& connection, WorkspaceRow row, postgres::Deadline deadline);
// Takes back a creation that cannot succeed and has left nothing.
Answer<bool> cancel_creation(postgres::Connection& connection, WorkspaceRow row, postgres::Deadline deadline);

// At most `limit` rows that are creating or deleting, those first that were looked at longest ago. A creation
// is due after `creation` without progress, a removal `removal` after it was asked for.
Answer<std::vector<UnfinishedWorkspace>> unfinished(postgres::Connection& connection,
                                                    std::chrono::milliseconds creation,
                                                    std::chrono::milliseconds removal, std::int64_t limit,
                                                    postgres::Deadline deadline);
// The others come first now, and it is not due again before its time.
Answer<bool> put_off(postgres::Connection& connection, WorkspaceRow row, postgres::Deadline deadline);
Answer<bool> purge_deleted(postgres::Connection& connection, std::chrono::milliseconds age,
                           postgres::Deadline deadline);

// One ready workspace whose upkeep is due, which nobody else gets for `retry`.
Answer<FoundRow> claim_upkeep(postgres::Connection& connection, std::chrono::milliseconds retry,
                              postgres::Deadline deadline);
// Due `in` from now.
Answer<bool> set_upkeep(postgres::Connection& connection, WorkspaceRow row, std::chrono::milliseconds in,
                        postgres::Deadline deadline);

}  // namespace registry
}  // namespace storagepool::workspaces
