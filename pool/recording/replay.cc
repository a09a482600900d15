#include "pool/recording/replay.h"

#include <algorithm>
#include <iterator>

#include "pool/common/runtime/log.h"

namespace asio = boost::asio;

namespace storagepool::recording {
namespace {

bool passes(tables::StoreError::Kind kind) {
  return kind == tables::StoreError::Kind::kUnavailable || kind == tables::StoreError::Kind::kOverloaded;
}

std::size_t events_in(const std::vector<journal::Unit>& units) {
  std::size_t sum = 0;
  for (const journal::Unit& unit : units) sum += unit.events.size();
  return sum;
}

std::vector<std::int64_t> sequences_of(const std::vector<journal::Unit>& units) {
  std::vector<std::int64_t> sequences;
  sequences.reserve(units.size());
  for (const journal::Unit& unit : units) sequences.push_back(unit.sequence);
  return sequences;
}

}  // namespace

Replay::Replay(asio::any_io_executor executor, journal::Journal& journal, Store store,
               const runtime::Clock& clock, ReplayOptions options)
    : executor_(executor),
      journal_(journal),
      store_(std::move(store)),
      clock_(clock),
      live_requests_wait_(std::move(options.live_requests_wait)),
      pacing_(options.limits),
      random_(std::random_device{}()),
      changed_(std::move(executor)) {
  journal_.on_append([this] { changed_.notify_all(); });
}

Replay::~Replay() {
  journal_.on_append(nullptr);
}

void Replay::start() {
  running_ = true;
  runtime::spawn(executor_, "replay of the journal", run());
}

asio::awaitable<bool> Replay::stop(Deadline deadline) {
  stopping_ = true;
  changed_.notify_all();
  while (running_) {
    const bool notified = co_await changed_.wait_until(deadline);
    if (!notified) break;
  }
  co_return !running_;
}

asio::awaitable<void> Replay::run() {
  while (!stopping_) {
    const ReplayPacing::Action action = pacing_.next(clock_.now(), journal_.statistics().waiting.units);
    if (const auto* wait = std::get_if<ReplayPacing::Wait>(&action)) {
      // Looks again in any case, should an append end without a word.
      constexpr std::chrono::seconds kLookAgain{10};
      co_await changed_.wait_until(wait->until.value_or(clock_.now() + kLookAgain));
      continue;
    }
    const auto begun = clock_.now();
    const Outcome outcome = co_await round(std::get<ReplayPacing::Take>(action));
    const auto ended = clock_.now();
    if (outcome == Outcome::kWait) {
      pacing_.failed(ended, random_);
      continue;
    }
    if (!statistics_.last_failure.empty()) log::info("replay of the journal goes on");
    statistics_.last_failure.clear();
    pacing_.stored(ended, ended - begun, live_requests_wait_ && live_requests_wait_());
  }
  running_ = false;
  changed_.notify_all();
}

Replay::Outcome Replay::must_wait(const std::string& reason) {
  ++statistics_.failures;
  if (statistics_.last_failure.empty()) log::warn("replay of the journal waits", {{"reason", reason}});
  statistics_.last_failure = reason;
  return Outcome::kWait;
}

// A client that got no answer may have sent its event once more, so the same id may be journalled twice:
// never in one group, for the store takes no id twice in one call.
std::vector<Replay::Group> Replay::to_groups(std::vector<journal::Unit> units) {
  std::vector<Group> groups;
  for (journal::Unit& unit : units) {
    const auto latest = std::find_if(groups.rbegin(), groups.rend(),
                                     [&](const Group& group) { return group.workspace == unit.workspace; });
    const bool joins =
        latest != groups.rend() && std::ranges::none_of(unit.events, [&](const event::Event& event) {
          return event.id_from_client && latest->client_ids.contains(event.event_id);
        });
    Group& group = joins ? *latest : groups.emplace_back(Group{unit.workspace, {}});
    for (const event::Event& event : unit.events) {
      if (event.id_from_client) group.client_ids.insert(event.event_id);
    }
    group.units.push_back(std::move(unit));
  }
  return groups;
}

asio::awaitable<Replay::Outcome> Replay::round(ReplayPacing::Take take) {
  const auto waiting = co_await journal_.waiting();
  if (!waiting) co_return must_wait(waiting.error().detail);
  if (waiting->empty()) co_return Outcome::kDone;
  journal::Take oldest{
      .workspace = waiting->front().workspace, .max_events = take.max_events, .max_bytes = take.max_bytes};
  auto units = co_await journal_.next(std::move(oldest));
  if (!units) co_return must_wait(units.error().detail);
  std::vector<Group> groups = to_groups(std::move(*units));
  for (Group& group : groups) {
    const Outcome outcome = co_await store_group(std::move(group));
    if (outcome == Outcome::kWait) co_return outcome;
  }
  co_return Outcome::kDone;
}

asio::awaitable<Replay::Outcome> Replay::store_group(Group group) {
  std::vector<event::Event> events;
  events.reserve(events_in(group.units));
  for (const journal::Unit& unit : group.units) std::ranges::copy(unit.events, std::back_inserter(events));
  auto storing = store_(group.workspace, std::move(events));
  auto stored = co_await std::move(storing);
  if (stored) {
    ++statistics_.batches;
    const Outcome removed = co_await remove(sequences_of(group.units), events_in(group.units));
    co_return removed;
  }
  if (passes(stored.error().kind)) co_return must_wait(stored.error().detail);
  if (group.units.size() == 1 || stored.error().kind == tables::StoreError::Kind::kDatabaseMissing) {
    const Outcome moved =
        co_await set_aside(group.workspace, sequences_of(group.units), std::move(stored.error()));
    co_return moved;
  }
  const Outcome outcome = co_await store_one_by_one(std::move(group));
  co_return outcome;
}

// Something in the group is refused: each unit on its own shows which.
asio::awaitable<Replay::Outcome> Replay::store_one_by_one(Group group) {
  for (journal::Unit& unit : group.units) {
    Group alone{group.workspace, {}};
    alone.units.push_back(std::move(unit));
    const Outcome outcome = co_await store_group(std::move(alone));
    if (outcome == Outcome::kWait) co_return outcome;
  }
  co_return Outcome::kDone;
}

asio::awaitable<Replay::Outcome> Replay::set_aside(std::string workspace, std::vector<std::int64_t> sequences,
                                                   tables::StoreError error) {
  log::error("PostgreSQL refuses journalled events: they are set aside",
             {{"workspace", workspace},
              {"entries", sequences.size()},
              {"first_sequence", sequences.front()},
              {"reason", error.detail}});
  const std::size_t count = sequences.size();
  const auto moved = co_await journal_.set_aside(std::move(sequences), std::move(error.detail));
  if (!moved) co_return must_wait(moved.error().detail);
  statistics_.set_aside += static_cast<std::int64_t>(count);
  co_return Outcome::kDone;
}

asio::awaitable<Replay::Outcome> Replay::remove(std::vector<std::int64_t> sequences, std::size_t events) {
  const auto removed = co_await journal_.remove(std::move(sequences));
  if (!removed) co_return must_wait(removed.error().detail);
  statistics_.events += static_cast<std::int64_t>(events);
  co_return Outcome::kDone;
}

}  // namespace storagepool::recording
