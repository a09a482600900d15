#include "pool/recording/destinations.h"

#include <algorithm>
#include <chrono>

#include "pool/common/runtime/clock.h"

namespace storagepool::recording {

using boost::asio::awaitable;
using tables::StoreError;

awaitable<tl::expected<Destination, workspaces::Error>> Destinations::find(std::string workspace,
                                                                           Deadline deadline) {
  Destination destination{std::move(workspace), system_database_};
  if (destination.workspace.empty()) co_return destination;
  auto home = co_await workspaces_.resolve(destination.workspace, deadline);
  if (!home) co_return tl::unexpected(std::move(home.error()));
  destination.database = std::move(home->database);
  destination.incarnation = std::move(home->incarnation);
  co_return destination;
}

awaitable<tl::expected<Destination, workspaces::Error>> Destinations::find_for_write(std::string workspace,
                                                                                     Deadline deadline) {
  constexpr std::chrono::seconds kPatience{1};
  if (workspace.empty()) co_return Destination{"", system_database_, ""};
  auto found = co_await find(workspace, std::min(deadline, runtime::steady_now() + kPatience));
  if (found || found.error().kind != workspaces::Error::Kind::kUnavailable) co_return found;
  co_return Destination{std::move(workspace), "", ""};
}

awaitable<std::optional<workspaces::Error>> Destinations::explain(Destination destination,
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
  const bool is_gone = explained && (explained->kind == workspaces::Error::Kind::kNotFound ||
                                     explained->kind == workspaces::Error::Kind::kDeleting);
  co_return is_gone;
}

}  // namespace storagepool::recording
