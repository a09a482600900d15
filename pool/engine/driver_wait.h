// How coroutines wait in the driver, private to it.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pool/common/runtime/loop/promise.h"
#include "pool/engine/driver.h"

namespace storagepool::engine {

// A waiter from its entry into the queue until it takes its answer; lives in the frame of its coroutine. The
// driver answers once, and then nobody but the coroutine touches it, unless it is suspended and has to be
// woken. No runtime::Promise: the core keeps the deadline, so that getting a connection under contention
// needs neither a timer nor memory nor a lock of its own.
class Driver::Waiting {
 public:
  // True when the coroutine is suspended: it must be woken. Under the driver's mutex.
  bool put(Answer answer) {
    answer_.emplace(std::move(answer));
    return state_.exchange(State::kAnswered) == State::kSuspended;
  }
  void wake(Wake wake) {
    // Nothing of this object is there any more once the handler is on its way.
    const boost::asio::any_io_executor keeps_loop_running = std::move(work_);
    Handler handler = std::move(*handler_);  // NOLINT(bugprone-unchecked-optional-access): suspended
    if (wake == Wake::kHere) {
      boost::asio::dispatch(std::move(handler));
    } else {
      boost::asio::defer(std::move(handler));
    }
  }

  // The loop of the engine runs on for its own timer; another loop must be kept from ending.
  boost::asio::awaitable<void> wait(const boost::asio::any_io_executor& engine) {
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void()>(
        [this, &engine](Handler handler) {
          const boost::asio::any_io_executor executor = handler.get_executor();
          if (&boost::asio::query(executor, boost::asio::execution::context) !=
              &boost::asio::query(engine, boost::asio::execution::context)) {
            work_ = boost::asio::prefer(executor, boost::asio::execution::outstanding_work.tracked);
          }
          handler_.emplace(std::move(handler));
          if (state_.exchange(State::kSuspended) == State::kAnswered) wake(Wake::kLater);
        },
        boost::asio::use_awaitable);
  }
  bool answered() const { return state_.load() == State::kAnswered; }
  Answer take() { return std::move(*answer_); }  // NOLINT(bugprone-unchecked-optional-access): answered

  Waiting* next_ready = nullptr;

 private:
  using Handler = boost::asio::async_result<boost::asio::use_awaitable_t<>, void()>::handler_type;
  enum class State { kRunning, kSuspended, kAnswered };
  std::atomic<State> state_ = State::kRunning;
  std::optional<Answer> answer_;
  std::optional<Handler> handler_;
  boost::asio::any_io_executor work_;
};

// What somebody who gave an order waits for, looked at after every change of the core until it is reached or
// a deadline passes.
class Driver::Milestone {
 public:
  // `reached` is called under the driver's mutex.
  Milestone(std::shared_ptr<Driver> driver, const boost::asio::any_io_executor& executor, TimePoint deadline,
            std::function<bool()> reached)
      : driver_(std::move(driver)),
        deadline_(deadline),
        reached_(std::move(reached)),
        promise_(executor),
        giver_(promise_.giver()) {
    const Lock lock(driver_->mutex_);
    place_ = driver_->milestones_.insert(driver_->milestones_.end(), this);
  }
  Milestone(const Milestone&) = delete;
  Milestone& operator=(const Milestone&) = delete;
  ~Milestone() {
    const Lock lock(driver_->mutex_);
    driver_->milestones_.erase(place_);
  }
  // Under the driver's mutex.
  void look(bool give_up) {
    if (give_up || reached_()) giver_.give({});
  }
  // Ends when it is reached, the deadline has passed or the driver is shut down.
  boost::asio::awaitable<void> wait() { co_await promise_.wait_until(deadline_); }

 private:
  struct End {};
  std::shared_ptr<Driver> driver_;
  TimePoint deadline_;
  std::function<bool()> reached_;
  runtime::Promise<End> promise_;
  runtime::Promise<End>::Giver giver_;
  std::list<Milestone*>::iterator place_;
};

}  // namespace storagepool::engine
