#include "pool/recording/recording.h"

#include <algorithm>
#include <exception>
#include <functional>
#include <utility>

#include "pool/common/runtime/log.h"

namespace storagepool::recording {
namespace {

using boost::asio::awaitable;
using event::SharedEvents;
using tables::StoreError;

// PostgreSQL was asked and has answered, though not as the client wishes.
bool refuses(StoreError::Kind error) {
  return error == StoreError::Kind::kRejected || error == StoreError::Kind::kParentMissing ||
         error == StoreError::Kind::kConflict;
}

class Counted {
 public:
  explicit Counted(std::shared_ptr<std::int64_t> count) : count_(std::move(count)) { ++*count_; }
  ~Counted() { --*count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::shared_ptr<std::int64_t> count_;  // a call that is cut off at the program's end may go last
};

}  // namespace

Recording::Recording(EventStore& store, Backlog* journal, const runtime::Clock& clock,
                     RecordingOptions options)
    : store_(store),
      journal_(journal),
      clock_(clock),
      options_(std::move(options)),
      stalls_(options_.stall_after) {
  store_.on_outcome([this](const std::string& database, const StoreError* error) {
    if (error == nullptr) stalls_.committed(database, clock_.now());
    if (options_.on_outcome) options_.on_outcome(database, error);
  });
}

Recording::~Recording() {
  store_.on_outcome(nullptr);
}

void Recording::set_stall_after(std::chrono::milliseconds stall_after) {
  options_.stall_after = stall_after;
  stalls_.set_stall_after(stall_after);
}

awaitable<Recording::Answer> Recording::record(Destination destination, SharedEvents unit,
                                               Deadline deadline) {
  const auto now = clock_.now();
  called_ = now;
  if (journal_ == nullptr && destination.database.empty()) {
    constexpr std::chrono::seconds kRetryAfter{1};
    co_return tl::unexpected(StoreError{StoreError::Kind::kUnavailable,
                                        "no connection to PostgreSQL to look the workspace up with",
                                        kRetryAfter});
  }
  if (journal_ == nullptr) {
    auto stored = co_await store_.store(std::move(destination.database), std::move(unit), deadline, nullptr);
    if (!stored) co_return tl::unexpected(std::move(stored.error()));
    co_return Recorded{.stored = std::move(*stored)};
  }
  const std::string& database = destination.database;
  if (store_.away()) {
    stalls_.clear();
  } else if (!database.empty() && stalls_.worth_waiting(database, store_.fill(database), now)) {
    ingest::Answer stored = tl::unexpected(StoreError{});
    const Deadline latest =
        std::min(deadline, now + std::max<runtime::TimePoint::duration>(kLongestWait, options_.stall_after));
    const auto give_up_at = [this, &database, latest] {
      return std::min(latest, stalls_.waits_until(database));
    };
    stalls_.began(database, now);
    try {
      stored = co_await store_.store(database, unit, latest, std::cref(give_up_at));
    } catch (const std::exception& error) {
      log::error("events could not be given to PostgreSQL", {{"error", error.what()}});
    }
    ended(database, stored);
    if (stored) co_return Recorded{.stored = std::move(*stored)};
    const bool journalled = co_await undecided(stored.error().kind, destination, deadline);
    if (!journalled) co_return tl::unexpected(std::move(stored.error()));
  }
  journal::Origin origin(std::move(destination.workspace), std::move(destination.incarnation));
  auto journalled = co_await journal(std::move(origin), std::move(unit), deadline);
  co_return journalled;
}

void Recording::ended(const std::string& database, const ingest::Answer& answer) {
  const auto now = clock_.now();
  if (!answer && refuses(answer.error().kind)) stalls_.committed(database, now);
  if (!stalls_.ended(database, now)) return;
  log::warn("PostgreSQL commits nothing: events go to the journal", {{"database", database}});
  if (options_.on_stall) options_.on_stall();
}

awaitable<bool> Recording::undecided(StoreError::Kind error, Destination destination, Deadline deadline) {
  switch (error) {
    case StoreError::Kind::kUnavailable:
    case StoreError::Kind::kInternal:
      co_return true;
    case StoreError::Kind::kOverloaded:
      co_return stalls_.nothing_commits(clock_.now());
    case StoreError::Kind::kParentMissing:
      co_return parents_may_come();
    case StoreError::Kind::kDatabaseMissing:
      break;
    default:
      co_return false;
  }
  if (destination.workspace.empty() || !options_.gone) co_return true;
  const bool gone = co_await options_.gone(std::move(destination), deadline);
  co_return !gone;
}

bool Recording::called_lately() const {
  constexpr std::chrono::seconds kLately{1};
  return called_ && clock_.now() - *called_ < kLately;
}

bool Recording::parents_may_come() const {
  const bool lately = journalled_ && clock_.now() - *journalled_ < kParentsTravel;
  return lately || journal_->waiting_units() > 0;
}

awaitable<Recording::Answer> Recording::journal(journal::Origin origin, SharedEvents unit,
                                                Deadline deadline) {
  constexpr std::chrono::seconds kRetryAfter{5};
  const std::string refusal = options_.journal_refuses ? options_.journal_refuses() : "";
  if (!refusal.empty()) {
    co_return tl::unexpected(StoreError{StoreError::Kind::kUnavailable,
                                        "PostgreSQL cannot take the event now and " + refusal, kRetryAfter});
  }
  const Deadline patience = std::max(deadline, clock_.now() + kJournalPatience);
  const Counted under_way(journalling_);
  const auto appended = co_await journal_->append(std::move(origin), std::move(unit.own()), patience);
  if (appended) {
    journalled_ = clock_.now();
    co_return Recorded{.journalled = true};
  }
  const bool full = appended.error().kind == journal::Error::Kind::kFull;
  co_return tl::unexpected(StoreError{StoreError::Kind::kUnavailable,
                                      full ? "PostgreSQL cannot take the event now and the journal is full"
                                           : "PostgreSQL cannot take the event now and the journal failed",
                                      kRetryAfter});
}

}  // namespace storagepool::recording
