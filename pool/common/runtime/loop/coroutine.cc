#include "pool/common/runtime/loop/coroutine.h"

#include <exception>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/log.h"

namespace asio = boost::asio;

namespace storagepool::runtime {

struct Notification::Waiter {
  Waiter(std::shared_ptr<Waiters> all, const asio::any_io_executor& executor)
      : waiters(std::move(all)), promise(executor), place(waiters->insert(waiters->end(), promise.giver())) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() { waiters->erase(place); }

  std::shared_ptr<Waiters> waiters;
  Promise<Notified> promise;
  Waiters::iterator place;
};

Notification::Notification(asio::any_io_executor executor)
    : executor_(std::move(executor)), waiters_(std::make_shared<Waiters>()) {}

asio::awaitable<bool> Notification::wait_until(TimePoint deadline) {
  Waiter waiter(waiters_, executor_);
  const auto notified = co_await waiter.promise.wait_until(deadline);
  co_return notified.has_value();
}

void Notification::notify_all() {
  for (Promise<Notified>::Giver& waiter : *waiters_) waiter.give({});
}

asio::awaitable<void> sleep_until(TimePoint deadline) {
  asio::steady_timer timer(co_await asio::this_coro::executor, deadline);
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<void> sleep_for(std::chrono::steady_clock::duration duration) {
  return sleep_until(steady_now() + duration);
}

void spawn(const asio::any_io_executor& executor, std::string name, asio::awaitable<void> work) {
  asio::co_spawn(executor, std::move(work), [name = std::move(name)](const std::exception_ptr& thrown) {
    if (!thrown) return;
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      log::error("background work failed", {{"work", name}, {"error", error.what()}});
    } catch (...) {
      log::error("background work failed", {{"work", name}, {"error", "not a std::exception"}});
    }
  });
}

}  // namespace storagepool::runtime
