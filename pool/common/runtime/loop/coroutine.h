// The few things Asio coroutines of Boost 1.74 lack: a wait with a deadline for something another coroutine
// does, a plain sleep, and a detached start that reports what it throws. What is waited for once, or is given
// by another thread, is a Promise (promise.h).
#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/loop/promise.h"

namespace storagepool::runtime {

// Wakes coroutines that wait for a condition the caller keeps. Not thread-safe: all calls on one executor (or
// strand).
//
//   while (!done) if (!co_await changed.wait_until(deadline)) co_return timed_out;
class Notification {
 public:
  explicit Notification(boost::asio::any_io_executor executor);
  // True when notify_all() was called after the wait began, also when the deadline has passed by the time
  // this returns; false when only the deadline has passed.
  boost::asio::awaitable<bool> wait_until(TimePoint deadline);
  void notify_all();

 private:
  struct Notified {};
  using Waiters = std::list<Promise<Notified>::Giver>;
  struct Waiter;
  boost::asio::any_io_executor executor_;
  // Shared with the waiters: one may outlive the Notification when an event loop is torn down.
  std::shared_ptr<Waiters> waiters_;
};

boost::asio::awaitable<void> sleep_until(TimePoint deadline);
boost::asio::awaitable<void> sleep_for(std::chrono::steady_clock::duration duration);  // from the call on

// Starts a coroutine nobody awaits. An exception that leaves it is logged as an error under `name`; it ends
// that coroutine only.
void spawn(const boost::asio::any_io_executor& executor, std::string name, boost::asio::awaitable<void> work);

}  // namespace storagepool::runtime
