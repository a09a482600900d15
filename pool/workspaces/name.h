// The names of workspaces and of the databases that hold them. A workspace `team-a` of the system database
// `audit` lives in the database `audit_ws_team_a` of the same server. Names hold no `_`, so that no two of
// them map to one database. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace storagepool::workspaces {

inline constexpr std::size_t kMaxWorkspaceName = 40;
// NAMEDATALEN - 1: PostgreSQL cuts a longer identifier off without an error, and two names could meet.
inline constexpr std::size_t kMaxIdentifierBytes = 63;

// True for [a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?
bool is_workspace_name(std::string_view name);

// The database of a workspace. The error tells the client what was given and what is allowed.
tl::expected<std::string, std::string> workspace_database(std::string_view system_database,
                                                          std::string_view name);

// The name of the workspace with this database.
std::string workspace_of(std::string_view system_database, std::string_view database);

}  // namespace storagepool::workspaces
