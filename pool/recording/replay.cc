#include "pool/recording/replay.h"

#include <algorithm>
#include <iterator>

#include "pool/common/runtime/log.h"
#include "pool/common/runtime/loop/supervisor.h"

namespace asio = boost::asio;

namespace storagepool::recording {
namespace {

using tables::StoreError;
using Sequences = std::vector<std::int64_t>;

// What lies in the moment and not in the events.
bool passes(StoreError::Kind kind) {
  return kind == StoreError::Kind::kUnavailable || kind == StoreError::Kind::kOverloaded;
}

// No row can hold them, or their ids are those of other events, whenever it is tried.
bool lies_in_the_events(StoreError::Kind kind) {
  return kind == StoreError::Kind::kRejected || kind == StoreError::Kind::kConflict;
}

std::size_t events_in(const std::vector<journal::Unit>& units) {
  std::size_t sum = 0;
  for (const journal::Unit& unit : units) sum += unit.events.size();
  return sum;
}

std::vector<event::Event> events_of(const std::vector<journal::Unit>& units) {
  std::vector<event::Event> events;
  events.reserve(events_in(units));
  for (const journal::Unit& unit : units) std::ranges::copy(unit.events, std::back_inserter(events));
  return events;
}

Sequences sequences_of(const std::vector<journal::Unit>& units) {
  Sequences sequences;
  sequences.reserve(units.size());
  for (const journal::Unit& unit : units) sequences.push_back(unit.sequence);
  return sequences;
}

// Of the parents that do not come in the same unit nobody can say which one is missing.
void note_missing_parents(journal::Unit& unit) {
  for (event::Event& event : unit.events) {
    event.parent_missing =
        event.parent_event_id && std::ranges::none_of(unit.events, [&](const event::Event& other) {
          return &other != &event && other.event_id == *event.parent_event_id;
        });
  }
}

}  // namespace

Replay::Replay(asio::any_io_executor executor, Backlog& backlog, Store store, const runtime::Clock& clock,
               ReplayOptions options)
    : executor_(executor),
      backlog_(backlog),
      store_(std::move(store)),
      clock_(clock),
      options_(std::move(options)),
      pacing_(options_.limits),
      random_(options_.seed),
      changed_(std::move(executor)) {
  backlog_.on_append([this] { changed_.notify_all(); });
}

Replay::~Replay() {
  backlog_.on_append(nullptr);
}

void Replay::start() {
  for (const Lane lane : {Lane::kFlowing, Lane::kFailing}) {
    ++lanes_;
    runtime::supervise(executor_, "replay of the journal", [this, lane] { return run(lane); });
  }
}

asio::awaitable<bool> Replay::stop(Deadline deadline) {
  stop_at_ = deadline;
  pacing_.hurry();
  changed_.notify_all();
  while (lanes_ > 0) {
    const bool notified = co_await changed_.wait_until(deadline);
    if (!notified) break;
  }
  co_return lanes_ == 0;
}

// At the end nobody waits for what fails again, nor for what has to wait.
bool Replay::must_end(Lane lane) const {
  return stop_at_ && (lane == Lane::kFailing || clock_.now() >= *stop_at_);
}

asio::awaitable<void> Replay::run(Lane lane) {
  while (!must_end(lane)) {
    const ReplayPacing::Action action = co_await next(lane);
    if (const auto* take = std::get_if<ReplayPacing::Take>(&action)) {
      const auto begun = clock_.now();
      std::string escaped;
      Outcome outcome = Outcome::kDone;
      try {
        outcome = co_await round(lane, *take);
      } catch (const std::exception& error) {
        escaped = error.what();
      }
      if (!escaped.empty())
        outcome = failed(Outcome::kPostgresqlFailed, "it failed for a reason on our side: " + escaped);
      end_round(take->workspace, outcome, begun);
      continue;
    }
    const bool others_may_add = lane == Lane::kFlowing && lanes_ > 1;  // what is stored again flows
    if (stop_at_ && !others_may_add) break;
    // Looks again in any case, should an append end without a word.
    constexpr std::chrono::seconds kLookAgain{10};
    const auto& until = std::get<ReplayPacing::Wait>(action).until;
    co_await changed_.wait_until(std::min(until.value_or(Deadline::max()), clock_.now() + kLookAgain));
  }
  --lanes_;
  changed_.notify_all();
}

asio::awaitable<ReplayPacing::Action> Replay::next(Lane lane) {
  const bool nothing = backlog_.waiting_units() == 0 || (lane == Lane::kFailing && !pacing_.failing());
  if (nothing) co_return ReplayPacing::Wait{};
  const auto waiting = co_await backlog_.waiting();
  if (waiting) co_return pacing_.next(lane, clock_.now(), *waiting);
  failed(Outcome::kJournalFailed, waiting.error().detail);
  pacing_.journal_failed(std::nullopt, clock_.now(), random_);
  co_return pacing_.next(lane, clock_.now(), {});
}

void Replay::end_round(const std::string& workspace, Outcome outcome, runtime::TimePoint begun) {
  const auto now = clock_.now();
  switch (outcome) {
    case Outcome::kJournalFailed:
      pacing_.journal_failed(workspace, now, random_);
      break;
    case Outcome::kPostgresqlFailed:
      if (pacing_.failed(workspace, now, random_)) {
        log::warn("replay of the journal waits",
                  {{"workspace", workspace}, {"reason", statistics_.last_failure}});
      }
      break;
    case Outcome::kDone:
      const bool was_failing = pacing_.failing();
      const bool live = !stop_at_ && options_.live_requests && options_.live_requests();
      pacing_.done(workspace, now, now - begun, live);
      if (!was_failing && statistics_.last_failure.empty()) return;
      if (pacing_.failing()) break;
      log::info("replay of the journal goes on");
      statistics_.last_failure.clear();
      break;
  }
  changed_.notify_all();
}

Replay::Outcome Replay::failed(Outcome how, std::string reason) {
  ++statistics_.failures;
  if (how == Outcome::kJournalFailed && statistics_.last_failure.empty())
    log::warn("replay of the journal waits", {{"reason", reason}});
  statistics_.last_failure = std::move(reason);
  return how;
}

// What hangs for a moment shall not hold up other workspaces; what is tried again is beside them.
Replay::GiveUpAt Replay::give_up_at(Lane lane) const {
  constexpr std::chrono::seconds kPatience{3};
  constexpr std::chrono::seconds kPatienceAgain{10};
  static constexpr std::chrono::milliseconds kAskedAgain{250};  // for the replay may be stopped
  const auto end = clock_.now() + (lane == Lane::kFlowing ? kPatience : kPatienceAgain);
  return [this, end] {
    return std::min({end, stop_at_.value_or(Deadline::max()), clock_.now() + kAskedAgain});
  };
}

// Units are together as long as their workspace is the same. A client that got no answer may have sent its
// event once more, so the same id may be journalled twice: never in one group, for the store takes no id
// twice in one call.
asio::awaitable<Replay::Outcome> Replay::round(Lane lane, ReplayPacing::Take take) {
  journal::Take oldest{.workspace = take.workspace,
                       .max_events = take.max_events,
                       .max_bytes = take.max_bytes,
                       .after = take.after};
  auto units = co_await backlog_.next(std::move(oldest));
  if (!units) co_return failed(Outcome::kJournalFailed, std::move(units.error().detail));
  if (units->empty()) pacing_.reached_end(take.workspace, clock_.now());
  std::vector<Group> groups;
  for (journal::Unit& unit : *units) {
    const bool joins = !groups.empty() && groups.back().incarnation == unit.incarnation &&
                       std::ranges::none_of(unit.events, [&](const event::Event& event) {
                         return event.id_from_client && groups.back().client_ids.contains(event.event_id);
                       });
    if (!joins)
      groups.push_back({.lane = lane, .workspace = take.workspace, .incarnation = unit.incarnation});
    for (const event::Event& event : unit.events) {
      if (event.id_from_client) groups.back().client_ids.insert(event.event_id);
    }
    groups.back().units.push_back(std::move(unit));
  }
  for (Group& group : groups) {
    const Outcome outcome = co_await store_group(std::move(group));
    if (outcome != Outcome::kDone) co_return outcome;
  }
  co_return Outcome::kDone;
}

asio::awaitable<Replay::Outcome> Replay::store_group(Group group) {
  journal::Origin origin(group.workspace, group.incarnation);
  auto storing = store_(std::move(origin), events_of(group.units), give_up_at(group.lane));
  auto stored = co_await std::move(storing);
  const bool alone = group.units.size() == 1;
  Outcome outcome = Outcome::kDone;
  if (stored) {
    ++statistics_.batches;
    outcome = co_await remove(std::move(group));
  } else if (passes(stored.error().kind)) {
    outcome = failed(Outcome::kPostgresqlFailed, std::move(stored.error().detail));
  } else if (stored.error().kind == StoreError::Kind::kDatabaseMissing ||
             (alone && lies_in_the_events(stored.error().kind))) {
    outcome = co_await set_aside(std::move(group), std::move(stored.error()));
  } else if (!alone) {
    outcome = co_await store_halves(std::move(group));
  } else if (stored.error().kind == StoreError::Kind::kParentMissing && !group.without_parents &&
             waited_long(group.units.front())) {
    outcome = co_await without_parents(std::move(group));
  } else {
    outcome = put_off(group);
  }
  co_return outcome;
}

// Something in the group is refused: halves show which.
asio::awaitable<Replay::Outcome> Replay::store_halves(Group group) {
  Group second{.lane = group.lane, .workspace = group.workspace, .incarnation = group.incarnation};
  const auto middle = group.units.begin() + static_cast<std::ptrdiff_t>(group.units.size() / 2);
  second.units.assign(std::make_move_iterator(middle), std::make_move_iterator(group.units.end()));
  group.units.erase(middle, group.units.end());
  Outcome outcome = co_await store_group(std::move(group));
  if (outcome == Outcome::kDone) outcome = co_await store_group(std::move(second));
  co_return outcome;
}

// A clock that was set back by as much is no reason to wait longer.
bool Replay::waited_long(const journal::Unit& unit) const {
  const auto age = clock_.wall() - unit.appended_at;
  return age >= options_.parents_wait || age <= -options_.parents_wait;
}

asio::awaitable<Replay::Outcome> Replay::without_parents(Group alone) {
  alone.without_parents = true;
  note_missing_parents(alone.units.front());
  log::warn("journalled events are stored without their parents, which did not come",
            {{"workspace", alone.workspace}, {"sequence", alone.units.front().sequence}});
  const Outcome outcome = co_await store_group(std::move(alone));
  co_return outcome;
}

Replay::Outcome Replay::put_off(const Group& alone) {
  pacing_.put_off(alone.workspace, alone.units.front().sequence, clock_.now());
  return Outcome::kDone;
}

asio::awaitable<Replay::Outcome> Replay::set_aside(Group group, StoreError error) {
  log::error("journalled events can never be stored: they are set aside",
             {{"workspace", group.workspace},
              {"entries", group.units.size()},
              {"first_sequence", group.units.front().sequence},
              {"reason", error.detail}});
  const auto moved = co_await backlog_.set_aside(sequences_of(group.units), std::move(error.detail));
  if (!moved) co_return failed(Outcome::kJournalFailed, moved.error().detail);
  statistics_.set_aside += static_cast<std::int64_t>(group.units.size());
  co_return Outcome::kDone;
}

asio::awaitable<Replay::Outcome> Replay::remove(Group group) {
  const auto removed = co_await backlog_.remove(sequences_of(group.units));
  if (!removed) co_return failed(Outcome::kJournalFailed, removed.error().detail);
  statistics_.events += static_cast<std::int64_t>(events_in(group.units));
  statistics_.without_parents += group.without_parents ? 1 : 0;
  co_return Outcome::kDone;
}

}  // namespace storagepool::recording
