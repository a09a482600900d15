#include "pool/service/replay_store.h"

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

namespace storagepool::service {
namespace {

using audit::StoreError;
using audit::WorkspaceError;
using boost::asio::awaitable;

constexpr std::chrono::seconds kTimeout{3};  // short, because a drain waits for it

struct Target {
  audit::Ingest& ingest;
  audit::Workspaces& workspaces;
  std::string system_database;
  std::function<bool()> away;

  awaitable<tl::expected<void, StoreError>> store(std::string workspace,
                                                  std::vector<audit::Event> events) const {
    if (away()) {
      co_return tl::unexpected(StoreError{StoreError::Kind::kUnavailable, "PostgreSQL cannot be used", {}});
    }
    const auto deadline = std::chrono::steady_clock::now() + kTimeout;
    std::string database = system_database;
    if (!workspace.empty()) {
      auto resolved = co_await workspaces.resolve(workspace, deadline);
      if (!resolved) co_return tl::unexpected(replay_error(resolved.error()));
      database = std::move(*resolved);
    }
    auto stored = co_await ingest.store(std::move(database), std::move(events), deadline);
    if (stored) co_return tl::expected<void, StoreError>();
    StoreError error = std::move(stored.error());
    if (error.kind == StoreError::Kind::kDatabaseMissing) {
      // The system database is awaited however long it takes; of a workspace's the registry knows.
      error.kind = StoreError::Kind::kUnavailable;
      if (!workspace.empty()) {
        workspaces.forget(workspace);
        auto resolved = co_await workspaces.resolve(workspace, deadline);
        if (!resolved) error = replay_error(resolved.error());
      }
    }
    co_return tl::unexpected(std::move(error));
  }
};

}  // namespace

StoreError replay_error(const WorkspaceError& error) {
  switch (error.kind) {
    case WorkspaceError::Kind::kInvalidName:
    case WorkspaceError::Kind::kNotFound:
    case WorkspaceError::Kind::kDeleting:
      return {StoreError::Kind::kDatabaseMissing, error.detail, error.retry_after};
    case WorkspaceError::Kind::kTaken:
    case WorkspaceError::Kind::kNotPermitted:
    case WorkspaceError::Kind::kUnavailable:
    case WorkspaceError::Kind::kInternal:
      break;
  }
  return {StoreError::Kind::kUnavailable, error.detail, error.retry_after};
}

audit::Replay::Store make_replay_store(audit::Ingest& ingest, audit::Workspaces& workspaces,
                                       std::string system_database, std::function<bool()> away) {
  const auto target =
      std::make_shared<const Target>(Target{ingest, workspaces, std::move(system_database), std::move(away)});
  return [target](std::string workspace, std::vector<audit::Event> events) {
    return target->store(std::move(workspace), std::move(events));
  };
}

}  // namespace storagepool::service
