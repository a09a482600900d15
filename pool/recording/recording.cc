#include "pool/recording/recording.h"

#include <algorithm>
#include <utility>

namespace storagepool::recording {

using boost::asio::awaitable;
using event::Event;
using tables::StoreError;

awaitable<Recording::Answer> Recording::record(Destination destination, std::vector<Event> unit,
                                               Deadline deadline) {
  if (journal_ == nullptr) {
    auto stored = co_await store_.store(std::move(destination.database), std::move(unit), deadline);
    if (!stored) co_return tl::unexpected(std::move(stored.error()));
    co_return Recorded{.stored = std::move(*stored)};
  }
  if (!store_.away()) {
    const Deadline patience = std::min(deadline, clock_.now() + kPatience);
    std::vector<Event> copy = unit;
    auto stored = co_await store_.store(destination.database, std::move(copy), patience);
    if (stored) co_return Recorded{.stored = std::move(*stored)};
    if (!undecided(stored.error().kind, destination)) co_return tl::unexpected(std::move(stored.error()));
  }
  auto journalled = co_await journal(std::move(destination.workspace), std::move(unit), deadline);
  co_return journalled;
}

bool Recording::undecided(StoreError::Kind error, const Destination& destination) const {
  switch (error) {
    case StoreError::Kind::kUnavailable:
      return true;
    case StoreError::Kind::kDatabaseMissing:  // of a workspace's the registry knows
      return destination.workspace.empty();
    case StoreError::Kind::kParentMissing:
      return journal_->statistics().waiting.units > 0;
    default:
      return false;
  }
}

awaitable<Recording::Answer> Recording::journal(std::string workspace, std::vector<Event> unit,
                                                Deadline deadline) {
  constexpr std::chrono::seconds kRetryAfter{5};
  const Deadline patience = std::max(deadline, clock_.now() + kJournalPatience);
  const auto appended =
      co_await journal_->append(journal::Origin(std::move(workspace)), std::move(unit), patience);
  if (appended) co_return Recorded{.journalled = true};
  const bool full = appended.error().kind == journal::Error::Kind::kFull;
  co_return tl::unexpected(StoreError{StoreError::Kind::kUnavailable,
                                      full ? "PostgreSQL cannot take the event now and the journal is full"
                                           : "PostgreSQL cannot take the event now and the journal failed",
                                      kRetryAfter});
}

}  // namespace storagepool::recording
