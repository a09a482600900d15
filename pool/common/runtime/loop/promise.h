// A value that one coroutine waits for until a deadline, and that somebody else gives it.
//
//   runtime::Promise<Answer> promise(executor);
//   worker.submit([giver = promise.giver()]() mutable { giver.give(compute()); });
//   std::optional<Answer> answer = co_await promise.wait_until(deadline);
//
// Two ends. The Promise belongs to who waits, most simply in the frame of its coroutine: all its members are
// for its executor (an executor that runs one thing at a time). A Giver, of which there may be many, may be
// used, copied and destroyed on any thread, and may outlive the Promise; while a coroutine waits, the
// executor's context must be there.
//
// The first value wins, whoever gives it; what comes after it is dropped, and so is what comes when the
// Promise is gone, which `wanted` tells in advance. A Promise that nobody gives anything ends its wait by the
// deadline. A value given before a wait has returned is never lost, also when the deadline has passed by
// then: a deadline that passes returns no value only if none was given. It ends the wait and not the Promise,
// which may be waited for again. Destroying a coroutine that waits, as a loop that is torn down does, is
// safe.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace storagepool::runtime {

template <typename T>
class Promise {
  struct State;

 public:
  class Giver {
   public:
    // True when this value is the first, and somebody may still take it. Wakes who waits by the executor,
    // never within this call.
    bool give(T value) {
      const std::lock_guard giving(state_->mutex);
      if (state_->timer == nullptr || state_->given) return false;
      state_->given = true;
      state_->value.emplace(std::move(value));
      if (!state_->suspended) return true;
      // Under the lock, so that a loop that is torn down meanwhile waits with its end for this.
      boost::asio::dispatch(state_->executor, [state = state_] {
        const std::lock_guard lock(state->mutex);
        if (state->timer != nullptr) state->timer->cancel();
      });
      return true;
    }
    // False when a value would be dropped.
    bool wanted() const {
      const std::lock_guard lock(state_->mutex);
      return state_->timer != nullptr && !state_->given;
    }

   private:
    friend class Promise;
    explicit Giver(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
  };

  explicit Promise(const boost::asio::any_io_executor& executor)
      : timer_(executor), state_(std::make_shared<State>(executor, &timer_)) {}
  ~Promise() {
    const std::lock_guard lock(state_->mutex);
    state_->timer = nullptr;
    state_->executor = {};  // which may end with its context, and a Giver may not
  }
  Promise(const Promise&) = delete;
  Promise& operator=(const Promise&) = delete;

  Giver giver() const { return Giver(state_); }

  // The value, at once if it was given before; no value when `deadline` passes first.
  // REQUIRES: no other wait is under way, and none has returned the value.
  boost::asio::awaitable<std::optional<T>> wait_until(std::chrono::steady_clock::time_point deadline) {
    timer_.expires_at(deadline);
    bool passed = false;
    while (!suspend() && !passed) {
      boost::system::error_code cancelled;
      co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
      passed = !cancelled;
    }
    auto value = take();
    co_return value;
  }

 private:
  struct State {
    State(boost::asio::any_io_executor e, boost::asio::steady_timer* t) : executor(std::move(e)), timer(t) {}
    std::recursive_mutex mutex;             // guards all that follows
    boost::asio::any_io_executor executor;  // empty when the Promise is gone
    boost::asio::steady_timer* timer;       // null when the Promise is gone; touched on the executor only
    std::optional<T> value;
    bool given = false;      // stays when `value` was taken
    bool suspended = false;  // must be woken by who gives
  };

  // True when there is a value.
  bool suspend() {
    const std::lock_guard lock(state_->mutex);
    state_->suspended = !state_->given;
    return state_->given;
  }
  std::optional<T> take() {
    const std::lock_guard lock(state_->mutex);
    state_->suspended = false;
    return std::exchange(state_->value, std::nullopt);
  }

  boost::asio::steady_timer timer_;
  const std::shared_ptr<State> state_;
};

}  // namespace storagepool::runtime
