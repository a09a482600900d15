#include "pool/engine/driver.h"

#include <algorithm>

#include <poll.h>

#include <boost/asio/defer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include "pool/common/runtime/check.h"
#include "pool/common/runtime/clock.h"
#include "pool/engine/driver_wait.h"
#include "pool/engine/system.h"

namespace storagepool::engine {
namespace asio = boost::asio;
using boost::system::error_code;

Driver::Driver(const asio::any_io_executor& executor, Engine::ConnectOptionsSource options,
               std::string system_database, const settings::Settings& settings, Listener listener)
    : executor_(executor),
      options_(std::move(options)),
      listener_(std::move(listener)),
      core_(std::move(system_database), settings, std::mt19937_64(random_seed())),
      timer_(executor) {}

asio::awaitable<Driver::Answer> Driver::acquire(std::shared_ptr<Driver> self, std::string_view database,
                                                TimePoint deadline) {
  Waiting waiting;
  {
    const TimePoint read = runtime::steady_now();
    Lock lock(self->mutex_);
    if (self->shut_) co_return tl::unexpected(shut_error());
    Core& core = self->core_;
    // Read before the mutex was free, and the core wants time not to go back.
    const TimePoint now = std::max(read, core.now());
    ConnectionId at_once = core.acquire_idle(now, database, deadline, kTrusted);
    if (at_once == 0) at_once = self->take_kept(now, database, deadline);
    if (at_once != 0) {
      postgres::Session& session = self->ready(at_once);
      lock.unlock();
      co_return Lease(std::move(self), &session, at_once);
    }
    self->remove_dead_candidates(now, database);
    const WaiterId id = core.acquire(now, database, deadline);
    const auto index = static_cast<std::uint32_t>(id);
    if (index >= self->waiting_.size()) self->waiting_.resize(index + 1);
    self->waiting_[index] = &waiting;
    self->settle(std::move(lock));
  }
  if (!waiting.answered()) co_await waiting.wait(self->executor_);
  co_return waiting.take();
}

void Driver::give_back(ConnectionId id, const postgres::Connection& session) {
  const bool usable = session.usable();
  const bool in_transaction = usable && session.in_transaction();
  // When it came back need not be known more precisely: the deadlines of waiters are the timer's business.
  const TimePoint read = coarse_now();
  Lock lock(mutex_);
  const TimePoint now = std::max(read, core_.now());
  // The session in its place would be somebody else's.
  STORAGEPOOL_INVARIANT(entry(id).id == id, "release of an unknown lease", {"connection", id},
                        {"there", entry(id).id});
  if (shut_) {
    const auto dropped = std::move(entry(id).session);
    lock.unlock();
    return;
  }
  if (in_transaction) {
    const Entry& dirty = entry(id);
    auto work = roll_back(id, dirty.session);
    const auto strand = dirty.strand;
    lock.unlock();
    spawn(strand, std::move(work));
    return;
  }
  if (usable && !doubts_.empty() && !asking_) {
    const Entry& sound = entry(id);
    auto work = ask(id, sound.session);
    const auto strand = sound.strand;
    lock.unlock();
    spawn(strand, std::move(work));
    return;
  }
  if (usable && core_.release_idle(now, id)) {
    set_timer();
    return;
  }
  if (usable && core_.keeps(now, id)) {
    kept_.push_back(id);
    const bool begins = !std::exchange(handing_on_, true);
    if (begins) kept_since_ = runtime::steady_now();
    lock.unlock();
    if (begins) asio::defer(executor_, [self = shared_from_this()] { self->hand_on(); });
    return;
  }
  const bool lost = entry(id).session->lost();
  if (lost) core_.doubt(now);
  core_.release(now, id, usable);
  settle(std::move(lock));
  if (lost) tell_lost();
}

// The one that was given back last is the likeliest to be asked for by who had it.
ConnectionId Driver::take_kept(TimePoint now, std::string_view database, TimePoint deadline) {
  if (kept_.empty() || !core_.passes(now, kept_.back(), database, deadline)) return 0;
  const ConnectionId id = kept_.back();
  kept_.pop_back();
  return id;
}

void Driver::hand_on() {
  Lock lock(mutex_);
  const TimePoint now = this->now();
  const bool trusted = now - kept_since_ < kTrusted;
  for (const ConnectionId id : kept_) {
    const bool alive = trusted || entry(id).session->alive();
    if (!alive) core_.doubt(now);
    core_.release(now, id, alive);
    if (!alive) tell_lost();
  }
  kept_.clear();
  handing_on_ = false;
  settle(std::move(lock), Wake::kHere);
}

void Driver::settle(Lock lock, Wake how) {
  for (auto* milestone : milestones_) milestone->look(shut_);
  if (shut_) return;
  core_.take_actions(actions_);
  for (const Action& action : actions_) carry_out(action);
  set_timer();
  std::vector<std::pair<asio::any_io_executor, asio::awaitable<void>>> work;
  for (const Action& action : io_) {
    if (const auto* wanted = std::get_if<Open>(&action)) {
      const asio::any_io_executor strand = asio::make_strand(executor_);
      work.emplace_back(strand, open(wanted->connection, wanted->database, strand));
    } else if (const auto* checked = std::get_if<Validate>(&action)) {
      const Entry& checking = entry(checked->connection);
      work.emplace_back(checking.strand, validate(checked->connection, checking.session));
    } else if (const auto* closed = std::get_if<Close>(&action)) {
      const Entry closing = std::exchange(entry(closed->connection), {});
      work.emplace_back(closing.strand, close(closed->connection, closing.session));
    }
  }
  io_.clear();
  Waiting* ready = std::exchange(first_ready_, nullptr);
  lock.unlock();
  for (auto& [strand, task] : work) spawn(strand, std::move(task));
  wake(ready, how);
}

// Each may be gone as soon as it is awake. What one throws that runs on here is not the others' business.
void Driver::wake(Waiting* first, Wake how) {
  while (first != nullptr) {
    Waiting* const next = first->next_ready;
    try {
      first->wake(how);
    } catch (...) {
      wake(next, Wake::kLater);
      throw;
    }
    first = next;
  }
}

void Driver::carry_out(const Action& action) {
  if (const auto* hand = std::get_if<Hand>(&action)) {
    answer(hand->waiter, Lease(shared_from_this(), &ready(hand->connection), hand->connection));
  } else if (const auto* fail = std::get_if<Fail>(&action)) {
    answer(fail->waiter, tl::unexpected(fail->error));
  } else {
    io_.push_back(action);
  }
}

// The session of a connection that is about to be handed out, with the limits that are in force.
postgres::Session& Driver::ready(ConnectionId id) {
  Entry& handed = entry(id);
  STORAGEPOOL_INVARIANT(handed.id == id && handed.session, "a connection without a session is handed out",
                        {"connection", id}, {"there", handed.id});
  if (handed.limits != limits_) {
    handed.limits = limits_;
    const auto& settings = core_.settings();
    handed.session->set_limits(settings.statement_timeout, settings.lock_timeout,
                               static_cast<std::size_t>(settings.statement_cache_size));
    handed.session->set_synchronous_commit(commit_level(settings));
  }
  return *handed.session;
}

void Driver::answer(WaiterId waiter, Answer answer) {
  Waiting* const waiting = std::exchange(waiting_[static_cast<std::uint32_t>(waiter)], nullptr);
  STORAGEPOOL_INVARIANT(waiting != nullptr, "an answer for nobody", {"waiter", waiter});
  if (!waiting->put(std::move(answer))) return;
  (first_ready_ == nullptr ? first_ready_ : last_ready_->next_ready) = waiting;
  last_ready_ = waiting;
}

void Driver::remove_dead_candidates(TimePoint now, std::string_view database) {
  const auto next = [&] { return core_.candidate(database).value_or(0); };
  for (ConnectionId id = next(); id != 0; id = next()) {
    if (entry(id).session->alive()) return;
    core_.lost(now, id);
    core_.take_actions(actions_);
    for (const Action& action : actions_) carry_out(action);
    tell_lost();
  }
}

void Driver::set_timer() {
  TimePoint next = core_.next_timer().value_or(TimePoint::max());
  if (core_.any_idle()) next = std::min(next, sweep_at_);
  if (const auto doubted = doubts_.next()) next = std::min(next, *doubted);
  if (shut_ || next >= timer_at_) return;  // an early tick does no harm
  timer_at_ = next;
  timer_.expires_at(next);
  timer_.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (!error && self) self->on_timer();
  });
}

void Driver::on_timer() {
  Lock lock(mutex_);
  if (shut_) return;
  const TimePoint now = this->now();
  timer_at_ = TimePoint::max();
  const bool sweeps = sweep_at_ <= now;
  if (sweeps) sweep_at_ = now + kSweepPeriod;
  core_.tick(now);
  let_go(doubts_.expire(now));
  settle(std::move(lock));
  if (sweeps) sweep();
}

// Looks at all idle sessions in one call and closes those whose server has gone.
void Driver::sweep() {
  std::vector<pollfd> sockets;
  std::vector<ConnectionId> ids;
  {
    const Lock lock(mutex_);
    for (const Entry& idle : entries_) {
      if (idle.id == 0 || !core_.idle(idle.id)) continue;
      ids.push_back(idle.id);
      sockets.push_back({idle.session->descriptor(), POLLIN | POLLRDHUP, 0});
    }
  }
  // With the mutex free a descriptor may change its meaning, which the closer look below makes harmless.
  if (poll(sockets.data(), sockets.size(), 0) <= 0) return;
  Lock lock(mutex_);
  int lost = 0;
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    if (sockets[i].revents == 0 || !core_.idle(ids[i]) || entry(ids[i]).session->alive()) continue;
    core_.lost(now(), ids[i]);
    ++lost;
  }
  if (shut_ || lost == 0) return;
  settle(std::move(lock));
  for (; lost > 0; --lost) tell_lost();
}

void Driver::tell_lost() {
  if (!listener_.on_connection_lost) return;
  asio::post(executor_, [self = shared_from_this()] { self->listener_.on_connection_lost(); });
}

}  // namespace storagepool::engine
