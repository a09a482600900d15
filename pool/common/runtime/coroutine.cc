#include "pool/common/runtime/coroutine.h"

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
  Waiter(std::shared_ptr<std::list<Waiter*>> all, const asio::any_io_executor& executor,
         std::chrono::steady_clock::time_point deadline)
      : list(std::move(all)), place(list->insert(list->end(), this)), timer(executor, deadline) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() { list->erase(place); }

  std::shared_ptr<std::list<Waiter*>> list;
  std::list<Waiter*>::iterator place;
  asio::steady_timer timer;
  bool notified = false;
};

Notification::Notification(asio::any_io_executor executor)
    : executor_(std::move(executor)), waiters_(std::make_shared<std::list<Waiter*>>()) {}

asio::awaitable<bool> Notification::wait_until(std::chrono::steady_clock::time_point deadline) {
  Waiter waiter(waiters_, executor_, deadline);
  boost::system::error_code cancelled;
  co_await waiter.timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  co_return waiter.notified;
}

void Notification::notify_all() {
  for (Waiter* waiter : *waiters_) {
    waiter->notified = true;
    waiter->timer.cancel();
  }
}

asio::awaitable<void> sleep_until(std::chrono::steady_clock::time_point deadline) {
  asio::steady_timer timer(co_await asio::this_coro::executor, deadline);
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<void> sleep_for(std::chrono::steady_clock::duration duration) {
  return sleep_until(runtime::steady_now() + duration);
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
