// Why a workspace cannot be had, and which cause is told from which facts. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

#include "pool/engine/engine.h"
#include "pool/postgres/error.h"
#include "pool/workspaces/database.h"
#include "pool/workspaces/registry.h"

namespace storagepool::workspaces {

struct Error {
  enum class Kind {
    kInvalidName,
    kNotFound,
    kDeleting,      // neither usable nor to be created until it is gone
    kTaken,         // its database belongs to somebody else
    kHeld,          // a legal hold keeps it from being deleted
    kNotPermitted,  // an administrator of PostgreSQL must grant something
    kUnavailable,   // worth trying again after `retry_after`
    kInternal,      // a fault of this program
  };
  Kind kind = Kind::kInternal;
  std::string detail;  // safe to show to a client
  std::chrono::milliseconds retry_after{};
  bool needs_person = false;  // it will not pass before somebody changes something in PostgreSQL
  std::string sqlstate{};     // if PostgreSQL has said why
};

Error unavailable(std::string detail);
Error to_error(const engine::AcquireError& error);
Error to_error(const postgres::Error& error);

// The registry has no row of a workspace whose database is there.
Error forgotten(std::string_view name);

// The workspace with this row, if there is one that may be used, or why not.
using Described = tl::expected<WorkspaceRow, Error>;
Described usable(const std::optional<WorkspaceRow>& row, std::string_view name);
// If there is one, in whatever state.
Described existing(const std::optional<WorkspaceRow>& row, std::string_view name);
// What became of a creation that has ended without an error of its own, by the row it left behind.
Described created(const std::optional<WorkspaceRow>& row, std::string_view name);
// A legal hold stands in the workspace.
Error held(std::string_view name);
// Why work on the database did not get done; not for kDone and kOvertaken.
Error work_error(DatabaseWork work, const WorkspaceDatabase& what);

}  // namespace storagepool::workspaces
