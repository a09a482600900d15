#include "pool/recording/replay_store.h"

#include <chrono>
#include <utility>
#include <vector>

#include "pool/common/runtime/clock.h"

namespace storagepool::recording {
namespace {

using boost::asio::awaitable;
using tables::StoreError;

constexpr std::chrono::seconds kLookup{2};    // of the workspace
constexpr std::chrono::seconds kTimeout{10};  // if nobody says before that it is too long

awaitable<tl::expected<void, StoreError>> store_in(EventStore& store, Destinations& destinations,
                                                   journal::Origin origin, std::vector<event::Event> events,
                                                   Replay::GiveUpAt give_up_at) {
  if (store.away()) {
    co_return tl::unexpected(StoreError{StoreError::Kind::kUnavailable, "PostgreSQL cannot be used", {}});
  }
  const auto deadline = runtime::steady_now() + kTimeout;
  auto destination = co_await destinations.find(origin.workspace, runtime::steady_now() + kLookup);
  if (!destination) co_return tl::unexpected(replay_error(destination.error()));
  if (!origin.incarnation.empty() && origin.incarnation != destination->incarnation) {
    co_return tl::unexpected(StoreError{
        StoreError::Kind::kDatabaseMissing,
        "the workspace " + origin.workspace + " was deleted and created again since the events were accepted",
        {}});
  }
  auto stored =
      co_await store.store(destination->database, std::move(events), deadline, std::move(give_up_at));
  if (stored) co_return tl::expected<void, StoreError>();
  StoreError error = std::move(stored.error());
  const auto explained = co_await destinations.explain(std::move(*destination), error.kind, deadline);
  if (explained) co_return tl::unexpected(replay_error(*explained));
  // A database that is missing without the registry's word is awaited however long it takes.
  if (error.kind == StoreError::Kind::kDatabaseMissing) error.kind = StoreError::Kind::kUnavailable;
  co_return tl::unexpected(std::move(error));
}

}  // namespace

StoreError replay_error(const workspaces::Error& error) {
  switch (error.kind) {
    case workspaces::Error::Kind::kInvalidName:
    case workspaces::Error::Kind::kNotFound:
    case workspaces::Error::Kind::kDeleting:
      return {StoreError::Kind::kDatabaseMissing, error.detail, error.retry_after};
    case workspaces::Error::Kind::kTaken:
    case workspaces::Error::Kind::kHeld:
    case workspaces::Error::Kind::kNotPermitted:
    case workspaces::Error::Kind::kUnavailable:
    case workspaces::Error::Kind::kInternal:
      break;
  }
  return {StoreError::Kind::kUnavailable, error.detail, error.retry_after};
}

Replay::Store make_replay_store(EventStore& store, Destinations& destinations) {
  return [&store, &destinations](journal::Origin origin, std::vector<event::Event> events,
                                 Replay::GiveUpAt give_up_at) {
    return store_in(store, destinations, std::move(origin), std::move(events), std::move(give_up_at));
  };
}

}  // namespace storagepool::recording
