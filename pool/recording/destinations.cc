#include "pool/recording/destinations.h"

namespace storagepool::recording {

using boost::asio::awaitable;
using tables::StoreError;
using workspaces::WorkspaceError;

awaitable<tl::expected<Destination, WorkspaceError>> Destinations::find(std::string workspace,
                                                                        Deadline deadline) {
  Destination destination{std::move(workspace), system_database_};
  if (destination.workspace.empty()) co_return destination;
  auto home = co_await workspaces_.resolve(destination.workspace, deadline);
  if (!home) co_return tl::unexpected(std::move(home.error()));
  destination.database = std::move(home->database);
  destination.incarnation = std::move(home->incarnation);
  co_return destination;
}

awaitable<std::optional<WorkspaceError>> Destinations::explain(Destination destination,
                                                               StoreError::Kind error, Deadline deadline) {
  if (error != StoreError::Kind::kDatabaseMissing || destination.workspace.empty()) co_return std::nullopt;
  workspaces_.forget(destination.workspace);
  auto home = co_await workspaces_.resolve(destination.workspace, deadline);
  if (home) co_return std::nullopt;
  co_return std::move(home.error());
}

awaitable<bool> Destinations::gone(Destination destination, Deadline deadline) {
  const auto explained =
      co_await explain(std::move(destination), StoreError::Kind::kDatabaseMissing, deadline);
  const bool is_gone = explained && (explained->kind == WorkspaceError::Kind::kNotFound ||
                                     explained->kind == WorkspaceError::Kind::kDeleting);
  co_return is_gone;
}

}  // namespace storagepool::recording
