#include "pool/recording/recording.h"

#include <algorithm>
#include <utility>

namespace storagepool::recording {

using boost::asio::awaitable;
using event::Event;
using journal::JournalError;
using tables::StoreError;

awaitable<tl::expected<Recorded, tables::StoreError>> Recorder::record(Destination destination,
                                                                       std::vector<event::Event> unit,
                                                                       Deadline deadline) {
  if (!parts_.journal) {
    auto stored = co_await parts_.store(std::move(destination.database), std::move(unit), deadline);
    if (!stored) co_return tl::unexpected(std::move(stored.error()));
    co_return Recorded{.stored = std::move(*stored)};
  }
  if (!parts_.away()) {
    const Deadline patience = std::min(deadline, std::chrono::steady_clock::now() + kPatience);
    std::vector<event::Event> copy = unit;
    auto stored = co_await parts_.store(std::move(destination.database), std::move(copy), patience);
    if (stored) co_return Recorded{.stored = std::move(*stored)};
    const tables::StoreError::Kind kind = stored.error().kind;
    const bool undecided =
        kind == tables::StoreError::Kind::kUnavailable ||
        (kind == tables::StoreError::Kind::kDatabaseMissing && destination.workspace.empty()) ||
        (kind == tables::StoreError::Kind::kParentMissing && parts_.backlog());
    if (!undecided) co_return tl::unexpected(std::move(stored.error()));
  }
  auto journalled = co_await journal(std::move(destination.workspace), std::move(unit), deadline);
  co_return journalled;
}

awaitable<tl::expected<Recorded, tables::StoreError>> Recorder::journal(std::string workspace,
                                                                        std::vector<event::Event> unit,
                                                                        Deadline deadline) {
  constexpr std::chrono::seconds kRetryAfter{5};
  const Deadline patience = std::max(deadline, std::chrono::steady_clock::now() + kJournalPatience);
  const auto appended = co_await parts_.journal(std::move(workspace), std::move(unit), patience);
  if (appended) co_return Recorded{.journalled = true};
  const bool full = appended.error().kind == journal::JournalError::Kind::kFull;
  co_return tl::unexpected(
      tables::StoreError{tables::StoreError::Kind::kUnavailable,
                         full ? "PostgreSQL cannot take the event now and the journal is full"
                              : "PostgreSQL cannot take the event now and the journal failed",
                         kRetryAfter});
}

}  // namespace storagepool::recording
