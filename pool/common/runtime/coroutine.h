// The few things Asio coroutines of Boost 1.74 lack: a wait with a deadline for something another coroutine
// does, a plain sleep, and a detached start that reports what it throws.
#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace storagepool::runtime {

// Wakes coroutines that wait for a condition the caller keeps. Not thread-safe: all calls on one executor (or
// strand).
//
//   while (!done) if (!co_await changed.wait_until(deadline)) co_return timed_out;
class Notification {
 public:
  explicit Notification(boost::asio::any_io_executor executor);
  // True when notify_all() was called after the wait began, false when the deadline passed first.
  boost::asio::awaitable<bool> wait_until(std::chrono::steady_clock::time_point deadline);
  void notify_all();

 private:
  struct Waiter;
  boost::asio::any_io_executor executor_;
  // Shared with the waiters: one may outlive the Notification when an event loop is torn down.
  std::shared_ptr<std::list<Waiter*>> waiters_;
};

boost::asio::awaitable<void> sleep_until(std::chrono::steady_clock::time_point deadline);
boost::asio::awaitable<void> sleep_for(std::chrono::steady_clock::duration duration);  // from the call on

// Starts a coroutine nobody awaits. An exception that leaves it is logged as an error under `name`; it ends
// that coroutine only.
void spawn(const boost::asio::any_io_executor& executor, std::string name, boost::asio::awaitable<void> work);

}  // namespace storagepool::runtime
