#include "pool/recording/model/world.h"

#include <algorithm>
#include <stdexcept>

namespace storagepool::recording::model {
namespace {

using boost::asio::awaitable;
using journal::Amount;
using tables::StoreError;

journal::Error disk_error(Disk::State state) {
  if (state == Disk::State::kFull) return {journal::Error::Kind::kFull, "full"};
  return {journal::Error::Kind::kFailed, "disk"};
}

Amount amount_of(const journal::Unit& unit) {
  return {.units = 1, .events = static_cast<std::int64_t>(unit.events.size()), .bytes = 1};
}

}  // namespace

void World::pass(Duration time) {
  now_ += time;
  wall_ += time;
  if (on_wall) on_wall();
}

void World::step_wall(Duration by) {
  wall_ += by;
  if (on_wall) on_wall();
}

bool is_bad(const event::Event& event) {
  return event.event_id.starts_with('b');
}

awaitable<bool> Disk::turn() {
  if (slow && world_.chance(60)) {
    Promise promise(executor_);
    pending_.push_back(promise.giver());
    const auto fails = co_await promise.wait_until(TimePoint::max());
    co_return fails.value_or(true);
  }
  co_return state == State::kFailing;
}

bool Disk::end_one() {
  if (pending_.empty()) return false;
  const auto one = std::next(pending_.begin(), world_.pick(static_cast<int>(pending_.size())));
  one->give(state == State::kFailing);
  pending_.erase(one);
  return true;
}

Backlog::Answer<void> Disk::append(journal::Origin origin, std::vector<event::Event> unit, Deadline) {
  on_append_begun(unit);
  const bool fails = co_await turn();
  if (fails || state == State::kFull) {
    ++faults;
    co_return tl::unexpected(disk_error(fails ? State::kFailing : State::kFull));
  }
  Record record;
  record.unit.sequence = ++sequence_;
  record.unit.workspace = std::move(origin.workspace);
  record.unit.incarnation = std::move(origin.incarnation);
  record.unit.appended_at = world_.wall();
  record.unit.events = std::move(unit);
  records.push_back(std::move(record));
  if (slow && world_.chance(10)) {
    // Kept, though its caller does not hear of it.
    ++faults;
    co_return tl::unexpected(disk_error(State::kFailing));
  }
  wake();
  co_return tl::expected<void, journal::Error>();
}

Backlog::Answer<std::vector<journal::WaitingWorkspace>> Disk::waiting() {
  const bool fails = co_await turn();
  if (fails) co_return tl::unexpected(disk_error(State::kFailing));
  std::vector<journal::WaitingWorkspace> all;
  for (const Record& record : records) {
    const auto known = std::ranges::find(all, record.unit.workspace, &journal::WaitingWorkspace::workspace);
    if (known == all.end()) {
      all.push_back({record.unit.workspace, amount_of(record.unit), record.unit.sequence, {}});
    } else {
      known->amount += amount_of(record.unit);
    }
  }
  co_return all;
}

Backlog::Answer<std::vector<journal::Unit>> Disk::next(journal::Take take) {
  const bool fails = co_await turn();
  if (fails) co_return tl::unexpected(disk_error(State::kFailing));
  std::vector<journal::Unit> units;
  std::size_t events = 0;
  for (auto record = records.begin(); record != records.end();) {
    const journal::Unit& unit = record->unit;
    if (unit.workspace != take.workspace || unit.sequence <= take.after) {
      ++record;
    } else if (record->torn) {
      aside.push_back({std::move(*record), "torn"});
      record = records.erase(record);
    } else {
      if (!units.empty() && events + unit.events.size() > take.max_events) break;
      events += unit.events.size();
      units.push_back(unit);
      ++record;
    }
  }
  co_return units;
}

Backlog::Answer<Amount> Disk::remove(std::vector<std::int64_t> sequences) {
  const bool fails = co_await turn();
  if (fails) co_return tl::unexpected(disk_error(State::kFailing));
  Amount removed;
  std::erase_if(records, [&](const Record& record) {
    const bool named = std::ranges::find(sequences, record.unit.sequence) != sequences.end();
    if (named) removed += amount_of(record.unit);
    return named;
  });
  co_return removed;
}

Backlog::Answer<Amount> Disk::set_aside(std::vector<std::int64_t> sequences, std::string reason) {
  const bool fails = co_await turn();
  if (fails) co_return tl::unexpected(disk_error(State::kFailing));
  Amount moved;
  std::erase_if(records, [&](Record& record) {
    if (std::ranges::find(sequences, record.unit.sequence) == sequences.end()) return false;
    moved += amount_of(record.unit);
    on_set_aside(record);
    aside.push_back({std::move(record), reason});
    return true;
  });
  co_return moved;
}

void Disk::look_at_clock() {
  for (Record& record : records) {
    const auto age = world_.wall() - record.unit.appended_at;
    record.waited |= age >= World::kParentsWait || age <= -World::kParentsWait;
  }
}

bool Disk::Record::holds(const std::string& id) const {
  return std::ranges::find(unit.events, id, &event::Event::event_id) != unit.events.end();
}

bool Disk::Record::holds_all(const std::vector<event::Event>& events) const {
  return std::ranges::all_of(events, [this](const event::Event& event) { return holds(event.event_id); });
}

Disk::Record* Disk::find(const std::string& id) {
  const auto found = std::ranges::find_if(records, [&](const Record& record) { return record.holds(id); });
  return found == records.end() ? nullptr : &*found;
}

double Postgresql::fill(const std::string& database) const {
  const auto here = std::ranges::count_if(
      calls, [&](const Call& call) { return call.home.database() == database && call.giver; });
  return static_cast<double>(here) / 8;
}

awaitable<ingest::Answer> Postgresql::store(std::string database, event::SharedEvents unit, Deadline deadline,
                                            GiveUpAt give_up_at) {
  constexpr std::string_view kPrefix = "audit_";
  Call call;
  call.home = registry_.find(database.substr(kPrefix.size()));
  call.events = std::move(unit.own());
  call.deadline = deadline;
  call.give_up_at = std::move(give_up_at);
  if (glitches && world_.chance(1)) throw std::runtime_error("out of memory");
  if (fill(database) >= 1) {
    co_return tl::unexpected(StoreError{Kind::kOverloaded, "full", {}});
  }
  auto answer = co_await ask(std::move(call));
  co_return answer;
}

awaitable<ingest::Answer> Postgresql::ask(Call call) {
  runtime::Promise<ingest::Answer> promise(executor_);
  call.began = world_.now();
  call.until = std::min(call.deadline, call.give_up_at());
  call.giver = promise.giver();
  calls.push_back(std::move(call));
  auto answer = co_await promise.wait_until(TimePoint::max());
  if (!answer) answer = tl::unexpected(StoreError{Kind::kUnavailable, "in doubt", {}});
  co_return std::move(*answer);
}

// As make_replay_store has it.
awaitable<tl::expected<void, StoreError>> Postgresql::replay(journal::Origin origin,
                                                             std::vector<event::Event> events,
                                                             GiveUpAt give_up_at) {
  if (away_seen) co_return tl::unexpected(StoreError{Kind::kUnavailable, "away", {}});
  Call call;
  call.home = registry_.find(origin.workspace);
  if (call.home.life == 0 || call.home.incarnation() != origin.incarnation) {
    co_return tl::unexpected(StoreError{Kind::kDatabaseMissing, "gone", {}});
  }
  call.events = std::move(events);
  call.replayed = true;
  call.deadline = TimePoint::max();
  call.give_up_at = std::move(give_up_at);
  const std::string workspace = origin.workspace;
  const std::string incarnation = origin.incarnation;
  auto answer = co_await ask(std::move(call));
  if (answer) co_return tl::expected<void, StoreError>();
  StoreError error = std::move(answer.error());
  if (error.kind == Kind::kDatabaseMissing && registry_.is(workspace, incarnation)) {
    error.kind = Kind::kUnavailable;
  }
  co_return tl::unexpected(std::move(error));
}

void Postgresql::answer(Call& call, ingest::Answer answer) {
  if (call.giver) call.giver->give(std::move(answer));
  call.giver.reset();
}

void Postgresql::tell(const Call& call, const StoreError* error) {
  last_answer[call.home.database()] = world_.now();
  if (outcome_) outcome_(call.home.database(), error);
}

ingest::Answer Postgresql::refuse(const Call& call, StoreError error) {
  tell(call, &error);
  return tl::unexpected(std::move(error));
}

ingest::Answer Postgresql::apply(const Call& call) {
  if (!registry_.is(call.home.workspace, call.home.incarnation())) {
    return tl::unexpected(StoreError{Kind::kDatabaseMissing, "no such database", {}});
  }
  std::set<std::string> here;
  for (const event::Event& event : call.events) {
    if (!here.insert(event.event_id).second || is_bad(event)) {
      return refuse(call, {Kind::kRejected, "bad", {}});
    }
  }
  for (const event::Event& event : call.events) {
    const auto& parent = event.parent_event_id;
    if (!parent || event.parent_missing || here.contains(*parent) || has(call.home, *parent)) continue;
    if (has(call.home, event.event_id)) continue;
    return refuse(call, {Kind::kParentMissing, "orphan", {}});
  }
  if (on_applied) on_applied(call);
  ingest::Answer stored = std::vector<ingest::Stored>();
  for (const event::Event& event : call.events) {
    stored->push_back(
        {.event_timestamp = {}, .created = rows_.insert({call.home.incarnation(), event.event_id}).second});
  }
  tell(call, nullptr);
  return stored;
}

ingest::Answer Postgresql::outcome(Call& call) {
  constexpr Kind kKinds[] = {Kind::kUnavailable, Kind::kUnavailable, Kind::kInternal, Kind::kOverloaded,
                             Kind::kDatabaseMissing};
  const bool refuses =
      is_away || states[call.home.workspace] == State::kRefusing || (glitches && world_.chance(8));
  if (refuses && world_.chance(30)) apply(call);  // its answer is lost
  if (refuses) return tl::unexpected(StoreError{kKinds[world_.pick(5)], "refused", {}});
  return apply(call);
}

bool Postgresql::end_one() {
  std::vector<std::list<Call>::iterator> able;
  for (auto call = calls.begin(); call != calls.end(); ++call) {
    if (states[call->home.workspace] != State::kHanging) able.push_back(call);
  }
  if (able.empty()) return false;
  const auto one = able[static_cast<std::size_t>(world_.pick(static_cast<int>(able.size())))];
  Call call = std::move(*one);
  calls.erase(one);
  if (!call.giver && world_.chance(50)) return true;  // what nobody waits for may also be rolled back
  ingest::Answer answered = outcome(call);
  if (!answered && on_refused) on_refused(call, answered.error().kind);
  answer(call, std::move(answered));
  return true;
}

void Postgresql::give_up() {
  for (Call& call : calls) {
    if (!call.giver || call.until > world_.now()) continue;
    call.until = std::min(call.deadline, call.give_up_at());
    if (call.until > world_.now()) continue;
    answer(call, tl::unexpected(StoreError{Kind::kUnavailable, "not in time", {}}));
  }
}

TimePoint Postgresql::next() const {
  TimePoint first = TimePoint::max();
  for (const Call& call : calls) {
    if (call.giver) first = std::min(first, call.until);
  }
  return first;
}

void Postgresql::forget_callers() {
  for (Call& call : calls) {
    call.giver.reset();
    call.give_up_at = nullptr;
  }
}

bool Postgresql::somebody_waits_in_vain() const {
  return std::ranges::any_of(calls, [&](const Call& call) {
    const auto last = last_answer.find(call.home.database());
    const TimePoint since = last == last_answer.end() ? call.began : std::max(call.began, last->second);
    return call.giver && !call.replayed && world_.now() - since >= World::kStallAfter / 4;
  });
}

}  // namespace storagepool::recording::model
