#include "pool/ingest/queue.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "pool/event/fields.h"

namespace storagepool::ingest {
namespace {

constexpr std::size_t kSharePerDatabase = 2;  // one half

// What a value takes outside of its event.
std::size_t bytes_outside(const std::string& text) {
  return text.size();
}
std::size_t bytes_outside(const std::optional<std::string>& text) {
  return text ? text->size() : 0;
}
template <typename Value>
std::size_t bytes_outside(const Value&) {
  return 0;
}

std::size_t bytes_of(const event::Event& event) {
  std::size_t bytes = sizeof(event::Event);
  event::for_each_field([&](const auto& field) { bytes += bytes_outside(event.*field.member); });
  return bytes;
}

// The client-made ids of a batch; views into its units' events, which stay where they are when a unit is
// moved.
class ClientIds {
 public:
  bool disjoint_from(const Unit& unit) const {
    return ids_.empty() ||
           std::none_of(unit.events->begin(), unit.events->end(), [&](const event::Event& event) {
             return event.id_from_client && ids_.contains(event.event_id);
           });
  }
  void add(const Unit& unit) {
    for (const event::Event& event : *unit.events) {
      if (event.id_from_client) ids_.insert(event.event_id);
    }
  }

 private:
  std::unordered_set<std::string_view> ids_;
};

}  // namespace

Load& Load::operator+=(const Load& other) {
  events += other.events;
  bytes += other.bytes;
  return *this;
}

Load& Load::operator-=(const Load& other) {
  events -= other.events;
  bytes -= other.bytes;
  return *this;
}

Load load_of(const std::vector<event::Event>& events) {
  Load load{.events = events.size()};
  for (const event::Event& event : events) load.bytes += bytes_of(event);
  return load;
}

bool Queue::fits(const Load& more, const Load& present, std::size_t share) const {
  return present.events + more.events <= limits_.max_queued_events / share &&
         present.bytes + more.bytes <= limits_.max_queued_bytes / share;
}

std::optional<std::uint64_t> Queue::push(const std::string& database, event::SharedEvents events,
                                         TimePoint deadline) {
  const Load load = load_of(*events);
  const auto known = databases_.find(database);
  const Load present = known == databases_.end() ? Load{} : known->second.load;
  if (!fits(load, load_, 1) || !fits(load, present, kSharePerDatabase)) return std::nullopt;

  Database& here = databases_[database];
  if (here.name.empty()) here.name = database;
  if (!here.place) here.place = waiting_.insert(waiting_.end(), &here);
  here.latest = std::max(here.latest, deadline);
  here.load += load;
  load_ += load;
  const std::uint64_t id = next_unit_++;
  here.queue.push_back({.id = id, .events = std::move(events), .load = load, .deadline = deadline});
  return id;
}

double Queue::fill(const std::string& database) const {
  const auto known = databases_.find(database);
  if (known == databases_.end()) return 0;
  const auto share = [](std::size_t present, std::size_t all) {
    return static_cast<double>(present * kSharePerDatabase) / static_cast<double>(all);
  };
  const Load& load = known->second.load;
  return std::max(share(load.events, limits_.max_queued_events), share(load.bytes, limits_.max_queued_bytes));
}

bool Queue::withdraw(const std::string& database, std::uint64_t unit) {
  const auto found = databases_.find(database);
  if (found == databases_.end()) return false;
  auto& queue = found->second.queue;
  const auto place = std::lower_bound(queue.begin(), queue.end(), unit,
                                      [](const Unit& one, std::uint64_t wanted) { return one.id < wanted; });
  if (place == queue.end() || place->id != unit) return false;
  remove_load(found->second, place->load);
  queue.erase(place);
  settle(found->second);
  return true;
}

bool Queue::may_begin(const Database& database) const {
  return !database.fetching && database.writing < limits_.turns_per_database;
}

std::optional<Queue::Turn> Queue::begin_turn() {
  if (turns_ == limits_.turns) return std::nullopt;
  // No more databases than there are turns are passed over.
  const auto found =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const Database* one) { return may_begin(*one); });
  if (found == waiting_.end()) return std::nullopt;
  Database& next = **found;
  waiting_.splice(waiting_.end(), waiting_, found);
  next.fetching = true;
  ++turns_;
  return Turn{.database = next.name, .deadline = next.latest, .next_unit = next_unit_};
}

Queue::Batch Queue::take(const std::string& name, TimePoint now) {
  Database& database = databases_.at(name);
  database.fetching = false;
  ++database.writing;
  Batch batch;
  ClientIds ids;
  std::vector<Unit> later;  // repeat an id of the batch
  while (!database.queue.empty() && later.size() < limits_.max_batch_events) {
    Unit& unit = database.queue.front();
    const bool expired = unit.deadline <= now;
    if (!expired && !batch.units.empty() &&
        (batch.load.events + unit.load.events > limits_.max_batch_events ||
         batch.load.bytes + unit.load.bytes > limits_.max_batch_bytes)) {
      break;
    }
    if (expired) {
      remove_load(database, unit.load);
      batch.expired.push_back(std::move(unit));
    } else if (ids.disjoint_from(unit)) {
      ids.add(unit);
      batch.load += unit.load;
      batch.units.push_back(std::move(unit));
    } else {
      later.push_back(std::move(unit));
    }
    database.queue.pop_front();
  }
  for (auto unit = later.rbegin(); unit != later.rend(); ++unit) database.queue.push_front(std::move(*unit));
  settle(database);
  return batch;
}

void Queue::end_turn(const std::string& name, const Load& written) {
  Database& database = databases_.at(name);
  --database.writing;
  --turns_;
  remove_load(database, written);
  settle(database);
}

std::vector<Unit> Queue::give_up(const std::string& name, std::uint64_t next_unit) {
  Database& database = databases_.at(name);
  database.fetching = false;
  --turns_;
  std::vector<Unit> given_up;
  while (!database.queue.empty() && database.queue.front().id < next_unit) {
    remove_load(database, database.queue.front().load);
    given_up.push_back(std::move(database.queue.front()));
    database.queue.pop_front();
  }
  settle(database);
  return given_up;
}

void Queue::remove_load(Database& database, const Load& load) {
  database.load -= load;
  load_ -= load;
}

void Queue::settle(Database& database) {
  if (!database.queue.empty()) return;
  if (database.place) waiting_.erase(*database.place);
  database.place.reset();
  database.latest = TimePoint::min();
  if (!database.fetching && database.writing == 0) databases_.erase(std::string(database.name));
}

}  // namespace storagepool::ingest
