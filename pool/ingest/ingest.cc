#include "pool/ingest/ingest.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <limits>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/log.h"
#include "pool/common/runtime/loop/coroutine.h"
#include "pool/common/runtime/loop/promise.h"
#include "pool/event/uuid.h"
#include "pool/ingest/rows.h"

namespace asio = boost::asio;

namespace storagepool::ingest {
namespace {

using asio::awaitable;
using Kind = tables::StoreError::Kind;

constexpr std::chrono::milliseconds kRetryAfter{1000};

// What the database would refuse only after having been asked, or would store twice.
std::optional<tables::StoreError> refusal(const std::vector<event::Event>& unit) {
  std::unordered_set<std::string_view> ids;
  for (const event::Event& event : unit) {
    if (!event::uuid_bytes(event.event_id) ||
        (event.parent_event_id && !event::uuid_bytes(*event.parent_event_id)))
      return tables::StoreError{Kind::kRejected, "an event id is not a UUID in its canonical form", {}};
    if (unit.size() > 1 && !ids.insert(event.event_id).second)
      return tables::StoreError{Kind::kRejected, "two events of one call have the id " + event.event_id, {}};
  }
  return std::nullopt;
}

tables::StoreError late() {
  return {Kind::kUnavailable, "the events could not be written to PostgreSQL in time", kRetryAfter};
}

tables::StoreError in_doubt() {
  return {Kind::kUnavailable, "PostgreSQL did not say in time whether the events are stored", kRetryAfter};
}

}  // namespace

class Ingest::State : public std::enable_shared_from_this<State> {
 public:
  State(asio::any_io_executor executor, engine::Engine& engine, const Limits& limits)
      : executor_(std::move(executor)), engine_(engine), limits_(limits), queue_(limits), idle_(executor_) {}

  awaitable<Answer> store(std::string database, event::SharedEvents unit, Deadline deadline,
                          GiveUpAt give_up_at);
  awaitable<bool> drain(Deadline deadline);
  void on_outcome(OnOutcome listener) { outcome_ = std::move(listener); }
  double fill(const std::string& database) const { return queue_.fill(database); }
  void set_log_keys(const std::optional<evidence::Keys>& keys) {
    entries_ = keys ? std::make_shared<evidence::EntryWriter>(*keys) : nullptr;
  }
  void on_recorded(OnRecorded listener) { recorded_ = std::move(listener); }
  void afterwards(Afterwards work) { afterwards_ = std::move(work); }
  Statistics statistics() const { return {queue_.load(), counters_}; }

 private:
  void begin_turns();
  static awaitable<void> take_turn(std::shared_ptr<State> self, Queue::Turn turn);
  awaitable<std::optional<engine::Lease>> write(std::string database, engine::Lease lease,
                                                std::vector<Unit> units);
  std::optional<awaitable<void>> work_after(const std::string& database,
                                            const std::optional<engine::Lease>& lease);
  void answer(const Unit& unit, Answer answer);
  void expire(const std::vector<Unit>& units);

  asio::any_io_executor executor_;
  engine::Engine& engine_;
  Limits limits_;
  Queue queue_;
  Counters counters_;
  std::unordered_map<std::uint64_t, runtime::Promise<Answer>::Giver> waiting_;  // by unit, until answered
  OnOutcome outcome_;
  OnRecorded recorded_;
  Afterwards afterwards_;
  std::shared_ptr<evidence::EntryWriter> entries_;  // shared with batches that are being written
  runtime::Notification idle_;
  bool draining_ = false;
};

awaitable<Answer> Ingest::State::store(std::string database, event::SharedEvents unit, Deadline deadline,
                                       GiveUpAt give_up_at) {
  const auto self = shared_from_this();
  if (unit->empty()) co_return std::vector<Stored>{};
  if (draining_)
    co_return tl::unexpected(
        tables::StoreError{Kind::kUnavailable, "the service is shutting down", kRetryAfter});
  auto refused = refusal(*unit);
  if (refused) {
    ++counters_.rejected;
    co_return tl::unexpected(std::move(*refused));
  }
  const auto id = queue_.push(database, std::move(unit), deadline);
  if (!id) {
    ++counters_.overloaded;
    co_return tl::unexpected(
        tables::StoreError{Kind::kOverloaded, "too many events are waiting to be stored", kRetryAfter});
  }
  runtime::Promise<Answer> promise(executor_);
  waiting_.emplace(*id, promise.giver());
  begin_turns();
  auto until = give_up_at ? std::min(deadline, give_up_at()) : deadline;
  auto answer = co_await promise.wait_until(until);
  while (!answer && until < deadline) {
    const auto moved = std::min(deadline, give_up_at());
    if (moved <= runtime::steady_now()) break;
    until = moved;
    answer = co_await promise.wait_until(until);
  }
  const bool withdrawn = !answer && queue_.withdraw(database, *id);
  if (withdrawn || (!answer && give_up_at)) {
    waiting_.erase(*id);
    ++counters_.expired;
    if (queue_.empty()) idle_.notify_all();
    co_return tl::unexpected(withdrawn ? late() : in_doubt());
  }
  // Being written: what becomes of it is told soon.
  if (!answer) answer = co_await promise.wait_until(Deadline::max());
  co_return std::move(*answer);  // NOLINT(bugprone-unchecked-optional-access): the second wait has no end
}

void Ingest::State::begin_turns() {
  while (auto turn = queue_.begin_turn())
    runtime::spawn(
        executor_, "ingest",
        take_turn(shared_from_this(), std::move(*turn)));  // NOLINT(bugprone-unchecked-optional-access)
  if (queue_.empty()) idle_.notify_all();
}

awaitable<void> Ingest::State::take_turn(std::shared_ptr<State> self, Queue::Turn turn) {
  Queue& queue = self->queue_;
  auto lease = co_await self->engine_.acquire(turn.database, turn.deadline);
  std::optional<engine::Lease> left;
  if (lease) {
    Queue::Batch batch = queue.take(turn.database, runtime::steady_now());
    const Load load = batch.load;
    self->expire(batch.expired);
    self->begin_turns();  // of the same database, if not all of it went into the batch
    if (!batch.units.empty())
      left = co_await self->write(turn.database, std::move(*lease), std::move(batch.units));
    queue.end_turn(turn.database, load);
  } else {
    // Who came while we waited for our time to be over has waited for less; other reasons hold for everybody.
    const bool timed_out = lease.error().reason == engine::AcquireError::Reason::kDeadlineExceeded;
    const auto newer = timed_out ? turn.next_unit : std::numeric_limits<std::uint64_t>::max();
    const tl::unexpected<tables::StoreError> error(tables::to_store_error(lease.error()));
    for (const Unit& unit : queue.give_up(turn.database, newer)) self->answer(unit, error);
  }
  auto more = self->work_after(turn.database, left);
  if (!more) left.reset();
  self->begin_turns();
  if (more) co_await std::move(*more);
}

std::optional<awaitable<void>> Ingest::State::work_after(const std::string& database,
                                                         const std::optional<engine::Lease>& lease) {
  if (!lease || !afterwards_) return std::nullopt;
  return afterwards_(database, **lease);
}

awaitable<std::optional<engine::Lease>> Ingest::State::write(std::string database, engine::Lease lease,
                                                             std::vector<Unit> units) {
  const auto first = std::min_element(units.begin(), units.end(),
                                      [](const Unit& a, const Unit& b) { return a.deadline < b.deadline; });
  std::vector<std::uint64_t> ids;
  ids.reserve(units.size());
  for (const Unit& unit : units) ids.push_back(unit.id);
  const auto entries = entries_;
  Writer writer(
      engine_, entries.get(), database, first->deadline + limits_.grace,
      [this, &database](const Unit& unit, Answer answer) {
        if (outcome_) outcome_(database, answer ? nullptr : &answer.error());
        this->answer(unit, std::move(answer));
      },
      [this, &database](const Recorded& batch) {
        if (recorded_) recorded_(database, batch);
      },
      counters_);
  std::optional<engine::Lease> left;
  try {
    left = co_await writer.write(std::move(lease), std::move(units));
  } catch (const std::exception& error) {
    // Out of memory, most likely, which passes: whoever has no answer yet must neither wait for ever nor be
    // turned away.
    log::error("a batch of events was not written", {{"error", error.what()}});
    const tables::StoreError failed{Kind::kUnavailable, "the events could not be written", kRetryAfter};
    for (const std::uint64_t id : ids) answer({.id = id}, tl::unexpected(failed));
  }
  co_return left;
}

void Ingest::State::answer(const Unit& unit, Answer answer) {
  auto waiting = waiting_.extract(unit.id);
  if (waiting) waiting.mapped().give(std::move(answer));
}

void Ingest::State::expire(const std::vector<Unit>& units) {
  counters_.expired += units.size();
  for (const Unit& unit : units) answer(unit, tl::unexpected(late()));
}

awaitable<bool> Ingest::State::drain(Deadline deadline) {
  const auto self = shared_from_this();
  draining_ = true;
  while (!queue_.empty()) {
    const bool changed = co_await idle_.wait_until(deadline);
    if (!changed) break;
  }
  const bool done = queue_.empty();
  co_return done;
}

Ingest::Ingest(asio::any_io_executor executor, engine::Engine& engine, Limits limits)
    : state_(std::make_shared<State>(std::move(executor), engine, limits)) {}

Ingest::~Ingest() = default;

awaitable<Answer> Ingest::store(std::string database, event::SharedEvents unit, Deadline deadline,
                                GiveUpAt give_up_at) {
  return state_->store(std::move(database), std::move(unit), deadline, std::move(give_up_at));
}

void Ingest::on_outcome(OnOutcome listener) {
  state_->on_outcome(std::move(listener));
}

void Ingest::set_log_keys(const std::optional<evidence::Keys>& keys) {
  state_->set_log_keys(keys);
}

void Ingest::on_recorded(OnRecorded listener) {
  state_->on_recorded(std::move(listener));
}

void Ingest::afterwards(Afterwards work) {
  state_->afterwards(std::move(work));
}

double Ingest::fill(const std::string& database) const {
  return state_->fill(database);
}

Statistics Ingest::statistics() const {
  return state_->statistics();
}

awaitable<bool> Ingest::drain(Deadline deadline) {
  return state_->drain(deadline);
}

}  // namespace storagepool::ingest
