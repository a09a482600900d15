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

Error to_error(const engine::AcquireError& error) {
  return {Kind::kUnavailable, "no connection to PostgreSQL: " + error.detail,
          std::max(error.retry_after, kRetryAfter)};
}

Error to_error(const postgres::Error& error) {
  using Cause = postgres::Disposition::Cause;
  const Cause cause = postgres::disposition_of(error).cause;
  // The rows of the registry are this program's own.
  if (cause == Cause::kRow) return {Kind::kInternal, error.detail, {}};
  return {Kind::kUnavailable, error.detail, kRetryAfter, cause == Cause::kPerson};
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
