#include "pool/engine/driver.h"

#include <algorithm>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace storagepool::engine {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

TimePoint clock_now() {
  return std::chrono::steady_clock::now();
}

// Waits until the timer expires or is cancelled. The wait begins under the mutex that guards the timer.
auto wait_on(asio::steady_timer& timer, std::mutex& mutex) {
  return asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
      [&timer, &mutex](auto handler) {
        const auto executor = asio::get_associated_executor(handler, timer.get_executor());
        const std::lock_guard lock(mutex);
        timer.async_wait(asio::bind_executor(
            executor, [handler = std::move(handler)](error_code) mutable { std::move(handler)(); }));
      },
      asio::use_awaitable);
}

}  // namespace

// A waiter from its entry into the queue until it has taken its answer. When its coroutine is destroyed, it
// leaves the queue, and what it was given goes back.
class Driver::Registration {
 public:
  Registration(std::shared_ptr<Driver> driver, WaiterId id, const asio::any_io_executor& executor)
      : driver_(std::move(driver)), id_(id), waiting_(executor) {
    driver_->waiting_.emplace(id_, &waiting_);
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;
  ~Registration() {
    if (taken_) return;
    {
      Lock lock(driver_->mutex_);
      driver_->waiting_.erase(id_);
      if (!driver_->shut_) {
        driver_->core_.cancel(clock_now(), id_);
        driver_->settle(lock);
      }
    }
    if (waiting_.answer && *waiting_.answer) driver_->give_back((*waiting_.answer)->id);
  }
  asio::steady_timer& signal() { return waiting_.signal; }
  Answer take() {
    const Lock lock(driver_->mutex_);
    driver_->waiting_.erase(id_);
    taken_ = true;
    return std::move(waiting_.answer).value_or(tl::unexpected(AcquireError{}));
  }

 private:
  std::shared_ptr<Driver> driver_;
  WaiterId id_;
  Waiting waiting_;
  bool taken_ = false;
};

class Driver::DrainRegistration {
 public:
  DrainRegistration(std::shared_ptr<Driver> driver, const asio::any_io_executor& executor, TimePoint deadline)
      : driver_(std::move(driver)), done_(executor, deadline) {
    const Lock lock(driver_->mutex_);
    driver_->drains_.push_back(&done_);
  }
  DrainRegistration(const DrainRegistration&) = delete;
  DrainRegistration& operator=(const DrainRegistration&) = delete;
  ~DrainRegistration() {
    const Lock lock(driver_->mutex_);
    std::erase(driver_->drains_, &done_);
  }
  asio::steady_timer& done() { return done_; }

 private:
  std::shared_ptr<Driver> driver_;
  asio::steady_timer done_;
};

Driver::Driver(const asio::any_io_executor& executor, Engine::ConnectOptionsSource options,
               std::string system_database, const settings::Settings& settings, Listener listener)
    : executor_(executor),
      options_(std::move(options)),
      listener_(std::move(listener)),
      core_(std::move(system_database), settings, std::mt19937_64(std::random_device()())),
      timer_(executor) {}

asio::awaitable<Driver::Answer> Driver::acquire(std::string database, TimePoint deadline) {
  const auto self = shared_from_this();
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  std::optional<Registration> registration;
  {
    Lock lock(mutex_);
    if (shut_) {
      co_return tl::unexpected(AcquireError{AcquireError::Reason::kDraining,
                                            "the connection pool is shut down", std::chrono::seconds(1)});
    }
    remove_dead_candidates(database);
    const WaiterId id = core_.acquire(clock_now(), database, deadline);
    early_answer_.emplace(id, tl::unexpected(AcquireError{}));
    bool answered = false;
    core_.take_actions(actions_);
    for (const Action& action : actions_) {
      const auto* hand = std::get_if<Hand>(&action);
      const auto* fail = std::get_if<Fail>(&action);
      answered =
          answered || (hand != nullptr && hand->waiter == id) || (fail != nullptr && fail->waiter == id);
      carry_out(action);
    }
    Answer early = std::move(early_answer_->second);
    early_answer_.reset();
    if (!answered) registration.emplace(self, id, executor);
    settle(lock);
    if (answered) co_return early;
  }
  co_await wait_on(registration->signal(), mutex_);
  co_return registration->take();
}

void Driver::give_back(ConnectionId id) {
  Lock lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  if (shut_) {
    entries_.erase(found);
    return;
  }
  const auto session = found->second.session;
  const bool usable = session->usable();
  if (usable && session->in_transaction()) {
    const auto strand = found->second.strand;
    lock.unlock();
    spawn(strand, roll_back(id, session));
    return;
  }
  const bool lost = session->lost();
  core_.release(clock_now(), id, usable);
  settle(lock, id);
  if (lost) tell_lost();
}

void Driver::reconfigure(const settings::Settings& settings) {
  Lock lock(mutex_);
  core_.reconfigure(clock_now(), settings);
  settle(lock);
}

settings::Settings Driver::in_force() const {
  const Lock lock(mutex_);
  return core_.settings();
}

Statistics Driver::statistics() const {
  const Lock lock(mutex_);
  return core_.statistics();
}

asio::awaitable<bool> Driver::drain(TimePoint deadline) {
  const auto self = shared_from_this();
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  DrainRegistration registration(self, executor, deadline);
  {
    Lock lock(mutex_);
    core_.drain(clock_now(), deadline);
    settle(lock);
  }
  co_await wait_on(registration.done(), mutex_);
  const Lock lock(mutex_);
  co_return core_.drained();
}

void Driver::shut_down() {
  const Lock lock(mutex_);
  shut_ = true;
  timer_.cancel();
  for (auto& [id, waiting] : waiting_) {
    if (waiting->answer) continue;
    waiting->answer = tl::unexpected(AcquireError{
        AcquireError::Reason::kDraining, "the connection pool is shut down", std::chrono::seconds(1)});
    waiting->signal.expires_at(TimePoint::min());
  }
  for (auto* drain : drains_) drain->expires_at(TimePoint::min());
  std::erase_if(entries_, [&](const auto& entry) { return core_.idle(entry.first); });
}

void Driver::settle(Lock& lock, ConnectionId touched) {
  for (core_.take_actions(actions_); !actions_.empty(); core_.take_actions(actions_)) {
    for (const Action& action : actions_) carry_out(action);
  }
  if (touched != 0 && core_.idle(touched)) {
    const auto found = entries_.find(touched);
    if (found != entries_.end() && !found->second.watched) watch(touched, found->second);
  }
  if (core_.drained()) {
    for (auto* drain : drains_) drain->expires_at(TimePoint::min());
  }
  set_timer();
  if (io_.empty()) return;
  std::vector<std::pair<asio::any_io_executor, asio::awaitable<void>>> work;
  for (const Action& action : io_) {
    if (const auto* wanted = std::get_if<Open>(&action)) {
      const asio::any_io_executor strand = asio::make_strand(executor_);
      work.emplace_back(strand, open(wanted->connection, wanted->database, strand));
    } else if (const auto* checked = std::get_if<Validate>(&action)) {
      const Entry& entry = entries_.at(checked->connection);
      work.emplace_back(entry.strand, validate(checked->connection, entry.session));
    } else if (const auto* closing = std::get_if<Close>(&action)) {
      const auto entry = entries_.extract(closing->connection);
      work.emplace_back(entry.mapped().strand, close(closing->connection, entry.mapped().session));
    }
  }
  io_.clear();
  lock.unlock();
  for (auto& [strand, task] : work) spawn(strand, std::move(task));
}

void Driver::carry_out(const Action& action) {
  if (const auto* hand = std::get_if<Hand>(&action)) {
    Entry& entry = entries_.at(hand->connection);
    unwatch(entry);
    apply_limits(*entry.session);
    answer(hand->waiter, Handed{hand->connection, entry.session.get()});
  } else if (const auto* fail = std::get_if<Fail>(&action)) {
    answer(fail->waiter, tl::unexpected(fail->error));
  } else {
    if (const auto* checked = std::get_if<Validate>(&action)) unwatch(entries_.at(checked->connection));
    if (const auto* closing = std::get_if<Close>(&action)) unwatch(entries_.at(closing->connection));
    io_.push_back(action);
  }
}

void Driver::answer(WaiterId waiter, Answer answer) {
  if (early_answer_ && early_answer_->first == waiter) {
    early_answer_->second = std::move(answer);
    return;
  }
  const auto found = waiting_.find(waiter);
  if (found == waiting_.end()) return;
  found->second->answer = std::move(answer);
  found->second->signal.expires_at(TimePoint::min());
}

void Driver::watch(ConnectionId id, Entry& entry) {
  entry.watched = true;
  const auto number = ++entry.watch;
  entry.session->watch([weak = weak_from_this(), id, number] {
    if (const auto self = weak.lock()) self->on_readable(id, number);
  });
}

void Driver::unwatch(Entry& entry) {
  if (!entry.watched) return;
  entry.watched = false;
  ++entry.watch;
  entry.session->unwatch();
}

void Driver::on_readable(ConnectionId id, std::uint64_t number) {
  Lock lock(mutex_);
  const auto found = entries_.find(id);
  if (shut_ || found == entries_.end() || found->second.watch != number) return;
  if (found->second.session->alive()) {
    watch(id, found->second);
    return;
  }
  core_.lost(clock_now(), id);
  settle(lock);
  tell_lost();
}

// Idle sessions are watched, but the news of a death may still be on its way.
void Driver::remove_dead_candidates(std::string_view database) {
  for (;;) {
    const auto id = core_.candidate(database);
    if (!id || entries_.at(*id).session->alive()) return;
    core_.lost(clock_now(), *id);
    core_.take_actions(actions_);
    for (const Action& action : actions_) carry_out(action);
    tell_lost();
  }
}

void Driver::set_timer() {
  const auto next = core_.next_timer();
  if (!next || shut_ || *next >= timer_at_) return;  // an early tick does no harm
  timer_at_ = *next;
  timer_.expires_at(*next);
  timer_.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (error || !self) return;
    Lock lock(self->mutex_);
    if (self->shut_) return;
    self->timer_at_ = TimePoint::max();
    self->core_.tick(clock_now());
    self->settle(lock);
  });
}

void Driver::apply_limits(postgres::Connection& session) const {
  const auto& settings = core_.settings();
  session.set_limits(settings.statement_timeout, settings.lock_timeout,
                     static_cast<std::size_t>(settings.statement_cache_size));
}

void Driver::tell_lost() {
  if (!listener_.on_connection_lost) return;
  asio::post(executor_, [self = shared_from_this()] { self->listener_.on_connection_lost(); });
}

}  // namespace storagepool::engine
