#include "pool/recording/model/model.h"

#include <algorithm>
#include <memory>
#include <optional>

#include <boost/asio/io_context.hpp>

#include "pool/common/runtime/loop/coroutine.h"
#include "pool/recording/model/world.h"
#include "pool/recording/recording.h"

namespace storagepool::recording::model {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

// A call of a client.
struct Write {
  std::string workspace;
  std::string incarnation;
  std::vector<event::Event> unit;
  TimePoint began;
  int disk_faults = 0;  // when it began
  bool parents_there = true;
  bool acknowledged = false;
  bool journalled = false;
};

class Schedule {
 public:
  explicit Schedule(std::uint64_t seed) : world_(seed) {}
  std::string run();

 private:
  void watch();
  void start();
  void kill();
  void settle() {
    context_->restart();
    context_->poll();
    postgresql_.give_up();
    context_->restart();
    context_->poll();
  }
  void pass(Duration time);
  void act();
  void change_weather();
  void clear_weather();
  void recover();
  bool ended();

  Write& begin_write(const std::string& workspace);
  event::Event new_event(const std::string& workspace);
  static awaitable<void> write(Schedule* self, Write* write);
  void check_answer(const Write& write, const Recording::Answer& answer);
  void check_kept();
  void check_set_aside(const Disk::Record& record);
  void check_applied(const Postgresql::Call& call);
  void check_wait(const std::vector<event::Event>& unit);

  World world_;
  Registry registry_;
  Disk disk_{world_};
  Postgresql postgresql_{world_, registry_};
  std::list<Write> writes_;
  int ids_ = 0;
  int unanswered_ = 0;
  std::unique_ptr<boost::asio::io_context> context_;
  std::unique_ptr<Recording> recording_;
  std::optional<Replay> replay_;
};

void Schedule::watch() {
  world_.on_wall = [this] { disk_.look_at_clock(); };
  disk_.on_set_aside = [this](const Disk::Record& record) { check_set_aside(record); };
  disk_.on_append_begun = [this](const std::vector<event::Event>& unit) { check_wait(unit); };
  postgresql_.on_applied = [this](const Postgresql::Call& call) { check_applied(call); };
  postgresql_.on_refused = [this](const Postgresql::Call& call, Kind kind) {
    if (!call.replayed || kind == Kind::kUnavailable || kind == Kind::kOverloaded) return;
    for (Disk::Record& record : disk_.records) record.passed_over |= record.holds_all(call.events);
  };
}

void Schedule::start() {
  context_ = std::make_unique<boost::asio::io_context>(1);
  disk_.run_on(context_->get_executor());
  postgresql_.run_on(context_->get_executor());
  RecordingOptions options;
  options.stall_after = World::kStallAfter;
  options.gone = [this](Destination destination, Recording::Deadline) -> awaitable<bool> {
    co_return registry_.find(destination.workspace).life == 0;
  };
  recording_ = std::make_unique<Recording>(postgresql_, &disk_, world_, std::move(options));
  ReplayOptions replay;
  replay.limits.max_events = 8;
  replay.limits.put_off = 2000ms;
  replay.parents_wait = World::kParentsWait;
  replay.seed = world_.random();
  replay_.emplace(
      context_->get_executor(), disk_,
      [this](journal::Origin origin, std::vector<event::Event> events, Replay::GiveUpAt give_up_at) {
        return postgresql_.replay(std::move(origin), std::move(events), std::move(give_up_at));
      },
      world_, std::move(replay));
  replay_->start();
}

void Schedule::kill() {
  replay_.reset();
  context_.reset();  // and with it the calls under way, which the recording must outlive
  recording_.reset();
  postgresql_.forget_callers();
  disk_.forget_pending();
  unanswered_ = 0;
}

// Nothing that waits is passed by.
void Schedule::pass(Duration time) {
  const TimePoint end = world_.now() + time;
  while (world_.now() < end && world_.violation.empty()) {
    const TimePoint next = std::min(end, postgresql_.next());
    world_.pass(std::max(std::chrono::ceil<Duration>(next - world_.now()), 0ms));
    disk_.wake();
    settle();
  }
}

event::Event Schedule::new_event(const std::string& workspace) {
  event::Event event;
  event.event_id = (world_.chance(6) ? "b" : "e") + std::to_string(++ids_);
  event.id_from_client = world_.chance(50);
  if (!world_.chance(25)) return event;
  // Mostly one that was sent before, whatever became of it.
  event.parent_event_id = "nobody";
  const auto wanted = world_.pick(static_cast<int>(writes_.size()) + 1);
  int at = 0;
  for (const Write& one : writes_) {
    if (at++ == wanted && one.workspace == workspace) event.parent_event_id = one.unit.front().event_id;
  }
  return event;
}

Write& Schedule::begin_write(const std::string& workspace) {
  Write write;
  write.workspace = workspace;
  write.incarnation = registry_.find(workspace).incarnation();
  for (int i = world_.chance(70) ? 1 : 3; i > 0; --i) write.unit.push_back(new_event(workspace));
  writes_.push_back(std::move(write));
  return writes_.back();
}

awaitable<void> Schedule::write(Schedule* self, Write* write) {
  Destination destination{write->workspace, "audit_" + write->workspace, write->incarnation};
  write->began = self->world_.now();
  write->disk_faults = self->disk_.faults;
  write->parents_there = std::ranges::all_of(write->unit, [&](const event::Event& event) {
    return !event.parent_event_id || self->postgresql_.has(write->incarnation, *event.parent_event_id);
  });
  std::vector<event::Event> unit = write->unit;
  const auto deadline = self->world_.now() + 60s;
  ++self->unanswered_;
  auto answer = co_await self->recording_->record(std::move(destination), std::move(unit), deadline);
  --self->unanswered_;
  self->check_answer(*write, answer);
  if (answer) {
    write->acknowledged = true;
    write->journalled = answer->journalled;
  }
}

void Schedule::check_answer(const Write& write, const Recording::Answer& answer) {
  if (answer) return;
  const bool bad = std::ranges::any_of(write.unit, is_bad);
  bool allowed = false;
  switch (answer.error().kind) {
    case Kind::kRejected:
      allowed = bad;
      break;
    case Kind::kParentMissing:
      allowed = !write.parents_there;
      break;
    case Kind::kOverloaded:
      allowed = !postgresql_.somebody_waits_in_vain();
      break;
    case Kind::kDatabaseMissing:
      allowed = registry_.find(write.workspace).life == 0;
      break;
    case Kind::kUnavailable:
      allowed = disk_.faults > write.disk_faults;
      break;
    default:
      break;
  }
  if (!allowed) world_.violated("a client is answered: " + answer.error().detail);
}

void Schedule::check_kept() {
  for (const Write& write : writes_) {
    if (!write.acknowledged) continue;
    for (const event::Event& event : write.unit) {
      const auto holds = [&](const Disk::Aside& aside) { return aside.record.holds(event.event_id); };
      const bool kept = postgresql_.has(write.incarnation, event.event_id) ||
                        disk_.find(event.event_id) != nullptr || std::ranges::any_of(disk_.aside, holds);
      if (!kept) world_.violated(event.event_id + " is lost");
    }
  }
}

void Schedule::check_set_aside(const Disk::Record& record) {
  const bool bad = std::ranges::any_of(record.unit.events, is_bad);
  if (!bad && registry_.is(record.unit.workspace, record.unit.incarnation)) {
    world_.violated("set aside without a reason: " + record.unit.events.front().event_id);
  }
}

void Schedule::check_applied(const Postgresql::Call& call) {
  if (!call.replayed) return;
  std::int64_t last = 0;
  for (const event::Event& event : call.events) {
    const Disk::Record* record = disk_.find(event.event_id);
    if (record == nullptr) continue;  // replayed by somebody who died since
    last = std::max(last, record->unit.sequence);
    if (record->unit.incarnation != call.home.incarnation())
      world_.violated(event.event_id + " is stored in another life of its workspace");
    const bool parent = event.parent_event_id && postgresql_.has(call.home, *event.parent_event_id);
    if (event.parent_missing && !parent && !record->waited)
      world_.violated(event.event_id + " has not waited for its parent");
  }
  if (!call.giver) return;
  for (const Disk::Record& record : disk_.records) {
    const bool before = record.unit.workspace == call.home.workspace && record.unit.sequence < last &&
                        record.unit.incarnation == call.home.incarnation();
    if (!before || record.passed_over || record.torn) continue;
    const bool known = std::ranges::all_of(record.unit.events, [&](const event::Event& event) {
      return postgresql_.has(call.home, event.event_id) ||
             std::ranges::find(call.events, event.event_id, &event::Event::event_id) != call.events.end();
    });
    if (!known) world_.violated(record.unit.events.front().event_id + " is overtaken");
  }
}

void Schedule::check_wait(const std::vector<event::Event>& unit) {
  for (const Write& write : writes_) {
    if (write.unit.front().event_id != unit.front().event_id) continue;
    const auto last = postgresql_.last_answer.find("audit_" + write.workspace);
    const TimePoint since =
        last == postgresql_.last_answer.end() ? write.began : std::max(write.began, last->second);
    if (world_.now() - since > World::kStallAfter)
      world_.violated(write.unit.front().event_id + " has waited too long for the journal");
  }
}

void Schedule::change_weather() {
  const std::string workspaces[] = {"", "a", "b"};
  const std::string& one = workspaces[world_.pick(3)];
  switch (world_.pick(9)) {
    case 0:
    case 1:
      postgresql_.states[one] = static_cast<Postgresql::State>(world_.pick(3));
      break;
    case 2:
      postgresql_.is_away = !postgresql_.is_away;
      break;
    case 3:
      postgresql_.away_seen = postgresql_.is_away;
      break;
    case 4:
      disk_.state = world_.chance(60) ? Disk::State::kWell : static_cast<Disk::State>(world_.pick(3));
      break;
    case 5:
      disk_.slow = !disk_.slow;
      break;
    case 6:
      world_.step_wall(world_.chance(50) ? 2h : -2h);
      break;
    case 7:
      if (one.empty()) break;
      if (registry_.find(one).life > 0)
        registry_.drop(one);
      else
        registry_.create(one);
      break;
    case 8:
      if (!disk_.records.empty() && world_.chance(20))
        disk_.records[static_cast<std::size_t>(world_.pick(static_cast<int>(disk_.records.size())))].torn =
            true;
      break;
  }
}

void Schedule::act() {
  const int choice = world_.pick(100);
  if (choice < 30) {
    const std::string workspaces[] = {"", "a", "b"};
    const std::string& workspace = workspaces[world_.pick(3)];
    if (registry_.find(workspace).life > 0)
      runtime::spawn(context_->get_executor(), "client", write(this, &begin_write(workspace)));
  } else if (choice < 36 && !writes_.empty()) {
    // Sent once more, by a client that has no answer or does not believe it.
    auto again = std::next(writes_.begin(), world_.pick(static_cast<int>(writes_.size())));
    if (registry_.is(again->workspace, again->incarnation) && !again->acknowledged)
      runtime::spawn(context_->get_executor(), "client", write(this, &*again));
  } else if (choice < 60) {
    postgresql_.end_one();
  } else if (choice < 70) {
    disk_.end_one();
  } else if (choice < 85) {
    pass(Duration(world_.chance(70) ? world_.pick(400) : world_.pick(8000)));
  } else if (choice < 98) {
    change_weather();
  } else {
    kill();
    start();
  }
  settle();
}

void Schedule::clear_weather() {
  postgresql_.states.clear();
  postgresql_.glitches = false;
  postgresql_.is_away = false;
  postgresql_.away_seen = false;
  disk_.state = Disk::State::kWell;
  disk_.slow = false;
}

bool Schedule::ended() {
  return !world_.violation.empty() ||
         (disk_.records.empty() && unanswered_ == 0 && postgresql_.calls.empty());
}

// Everything is well again, and soon nothing waits any more.
void Schedule::recover() {
  clear_weather();
  for (int round = 0; round < 400 && !ended(); ++round) {
    while (disk_.end_one() || postgresql_.end_one()) settle();
    pass(500ms);
  }
  if (!ended()) world_.violated("the journal is not emptied");
  // The first write finds out that a stall is over.
  for (int number = 0; number < 3 && world_.violation.empty(); ++number) {
    pass(500ms);
    for (int i = 0; i < 2; ++i) {
      Write& one = begin_write("");
      for (event::Event& event : one.unit) event.parent_event_id.reset();
      runtime::spawn(context_->get_executor(), "client", write(this, &one));
      settle();
    }
    while (postgresql_.end_one()) settle();
    if (number > 0 && writes_.back().journalled) world_.violated("a stall does not end");
  }
}

std::string Schedule::run() {
  watch();
  start();
  const int steps = 50 + world_.pick(150);
  for (int step = 0; step < steps && world_.violation.empty(); ++step) {
    act();
    check_kept();
  }
  if (world_.violation.empty()) recover();
  if (world_.violation.empty()) check_kept();
  kill();
  return world_.violation;
}

}  // namespace

std::string run_schedule(std::uint64_t seed) {
  return Schedule(seed).run();
}

}  // namespace storagepool::recording::model
