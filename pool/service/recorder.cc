#include "pool/service/recorder.h"

#include <algorithm>
#include <utility>

namespace storagepool::service {

using audit::Event;
using audit::JournalError;
using audit::StoreError;
using boost::asio::awaitable;

awaitable<tl::expected<Recorded, StoreError>> Recorder::record(Destination destination,
                                                               std::vector<Event> unit, Deadline deadline) {
  if (!parts_.journal) {
    auto stored = co_await parts_.store(std::move(destination.database), std::move(unit), deadline);
    if (!stored) co_return tl::unexpected(std::move(stored.error()));
    co_return Recorded{.stored = std::move(*stored)};
  }
  if (!parts_.away()) {
    const Deadline patience = std::min(deadline, std::chrono::steady_clock::now() + kPatience);
    std::vector<Event> copy = unit;
    auto stored = co_await parts_.store(std::move(destination.database), std::move(copy), patience);
    if (stored) co_return Recorded{.stored = std::move(*stored)};
    const StoreError::Kind kind = stored.error().kind;
    const bool undecided = kind == StoreError::Kind::kUnavailable ||
                           (kind == StoreError::Kind::kDatabaseMissing && destination.workspace.empty()) ||
                           (kind == StoreError::Kind::kParentMissing && parts_.backlog());
    if (!undecided) co_return tl::unexpected(std::move(stored.error()));
  }
  auto journalled = co_await journal(std::move(destination.workspace), std::move(unit), deadline);
  co_return journalled;
}

awaitable<tl::expected<Recorded, StoreError>> Recorder::journal(std::string workspace,
                                                                std::vector<Event> unit, Deadline deadline) {
  constexpr std::chrono::seconds kRetryAfter{5};
  const Deadline patience = std::max(deadline, std::chrono::steady_clock::now() + kJournalPatience);
  const auto appended = co_await parts_.journal(std::move(workspace), std::move(unit), patience);
  if (appended) co_return Recorded{.journalled = true};
  const bool full = appended.error().kind == JournalError::Kind::kFull;
  co_return tl::unexpected(StoreError{StoreError::Kind::kUnavailable,
                                      full ? "PostgreSQL cannot take the event now and the journal is full"
                                           : "PostgreSQL cannot take the event now and the journal failed",
                                      kRetryAfter});
}

}  // namespace storagepool::service
