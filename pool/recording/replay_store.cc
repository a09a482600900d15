#include "pool/recording/replay_store.h"

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

namespace storagepool::recording {
namespace {

using boost::asio::awaitable;
using tables::StoreError;
using workspaces::WorkspaceError;

constexpr std::chrono::seconds kTimeout{3};  // short, because a drain waits for it

struct Target {
  ingest::Ingest& ingest;
  workspaces::Workspaces& workspaces;
  std::string system_database;
  std::function<bool()> away;

  awaitable<tl::expected<void, tables::StoreError>> store(std::string workspace,
                                                          std::vector<event::Event> events) const {
    if (away()) {
      co_return tl::unexpected(
          tables::StoreError{tables::StoreError::Kind::kUnavailable, "PostgreSQL cannot be used", {}});
    }
    const auto deadline = std::chrono::steady_clock::now() + kTimeout;
    std::string database = system_database;
    if (!workspace.empty()) {
      auto resolved = co_await workspaces.resolve(workspace, deadline);
      if (!resolved) co_return tl::unexpected(replay_error(resolved.error()));
      database = std::move(*resolved);
    }
    auto stored = co_await ingest.store(std::move(database), std::move(events), deadline);
    if (stored) co_return tl::expected<void, tables::StoreError>();
    tables::StoreError error = std::move(stored.error());
    if (error.kind == tables::StoreError::Kind::kDatabaseMissing) {
      // The system database is awaited however long it takes; of a workspace's the registry knows.
      error.kind = tables::StoreError::Kind::kUnavailable;
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

tables::StoreError replay_error(const workspaces::WorkspaceError& error) {
  switch (error.kind) {
    case workspaces::WorkspaceError::Kind::kInvalidName:
    case workspaces::WorkspaceError::Kind::kNotFound:
    case workspaces::WorkspaceError::Kind::kDeleting:
      return {tables::StoreError::Kind::kDatabaseMissing, error.detail, error.retry_after};
    case workspaces::WorkspaceError::Kind::kTaken:
    case workspaces::WorkspaceError::Kind::kNotPermitted:
    case workspaces::WorkspaceError::Kind::kUnavailable:
    case workspaces::WorkspaceError::Kind::kInternal:
      break;
  }
  return {tables::StoreError::Kind::kUnavailable, error.detail, error.retry_after};
}

Replay::Store make_replay_store(ingest::Ingest& ingest, workspaces::Workspaces& workspaces,
                                std::string system_database, std::function<bool()> away) {
  const auto target =
      std::make_shared<const Target>(Target{ingest, workspaces, std::move(system_database), std::move(away)});
  return [target](std::string workspace, std::vector<event::Event> events) {
    return target->store(std::move(workspace), std::move(events));
  };
}

}  // namespace storagepool::recording
