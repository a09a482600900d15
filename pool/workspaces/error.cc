#include "pool/workspaces/error.h"

#include <algorithm>

#include "pool/postgres/disposition.h"

namespace storagepool::workspaces {
namespace {

using Kind = Error::Kind;

constexpr std::chrono::milliseconds kRetryAfter{1000};

Error make(Kind kind, std::string_view name, std::string_view what) {
  return {kind, "the workspace " + std::string(name) + " " + std::string(what), {}};
}

}  // namespace

Error unavailable(std::string detail) {
  return {Kind::kUnavailable, std::move(detail), kRetryAfter};
}

Error held(std::string_view name) {
  return {Kind::kHeld,
          "a legal hold keeps events of the workspace " + std::string(name) + "; release it first",
          {}};
}

Error to_error(const engine::AcquireError& error) {
  return {Kind::kUnavailable, "no connection to PostgreSQL: " + error.detail,
          std::max(error.retry_after, kRetryAfter)};
}

Error to_error(const postgres::Error& error) {
  // What lies in a row is no client's fault either: those of the registry are this program's own.
  const bool passes = postgres::disposition_of(error).cause == postgres::Disposition::Cause::kPassing;
  return {Kind::kUnavailable, error.detail, kRetryAfter, !passes, error.sqlstate};
}

Error forgotten(std::string_view name) {
  Error error =
      unavailable("the registry of workspaces, the table storagepool_workspaces, knows no workspace " +
                  std::string(name) + ", but its database is there");
  error.needs_person = true;
  return error;
}

Described usable(const std::optional<WorkspaceRow>& row, std::string_view name) {
  auto found = existing(row, name);
  if (!found || found->state == WorkspaceState::kReady) return found;
  if (found->state == WorkspaceState::kDeleting) {
    return tl::unexpected(make(Kind::kDeleting, name, "is being deleted"));
  }
  return tl::unexpected(unavailable("the workspace " + std::string(name) + " is being created"));
}

Described existing(const std::optional<WorkspaceRow>& row, std::string_view name) {
  if (row && row->state != WorkspaceState::kDeleted) return *row;
  return tl::unexpected(Error{Kind::kNotFound, "there is no workspace " + std::string(name), {}});
}

Described created(const std::optional<WorkspaceRow>& row, std::string_view name) {
  if (existing(row, name)) return usable(row, name);
  return tl::unexpected(make(Kind::kDeleting, name, "was deleted while it was being created"));
}

Error work_error(DatabaseWork work, const WorkspaceDatabase& what) {
  switch (work) {
    case DatabaseWork::kTaken:
      return make(Kind::kTaken, what.row.name,
                  "would need the database " + what.database + ", which is not one of " +
                      what.system_database + "; choose another name");
    case DatabaseWork::kNotPermitted:
      return make(Kind::kNotPermitted, what.row.name,
                  "needs a database of its own, which PostgreSQL refuses to make: the role of this service "
                  "needs CREATEDB (ALTER ROLE ... CREATEDB)");
    case DatabaseWork::kInUse:
      return unavailable("the database " + what.database +
                         " is in use by a prepared transaction, a replication slot or a subscription");
    case DatabaseWork::kBusy:
    case DatabaseWork::kDone:
    case DatabaseWork::kOvertaken:
      break;
  }
  return unavailable("the workspace " + what.row.name + " is being worked on by another pod");
}

}  // namespace storagepool::workspaces
