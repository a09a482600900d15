// Runs a coroutine of a test to its end on an io_context of one thread: `auto rows = run(context,
// session.query(...))`. Throws what the coroutine throws, and std::runtime_error when it is not done within a
// minute.
#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace storagepool::postgres::testing {

// A deadline.
inline std::chrono::steady_clock::time_point in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

template <typename T>
boost::asio::awaitable<void> keep(boost::asio::awaitable<T> work, std::optional<T>& result) {
  result.emplace(co_await std::move(work));
}

template <typename T>
T run(boost::asio::io_context& context, boost::asio::awaitable<T> work) {
  std::optional<T> result;
  std::exception_ptr thrown;
  bool done = false;
  boost::asio::co_spawn(context, keep(std::move(work), result), [&](const std::exception_ptr& error) {
    thrown = error;
    done = true;
  });
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  context.restart();
  while (!done) {
    context.run_one_until(give_up);
    if (!done && std::chrono::steady_clock::now() >= give_up) throw std::runtime_error("a coroutine hangs");
    if (context.stopped()) context.restart();
  }
  if (thrown) std::rethrow_exception(thrown);
  return std::move(*result);
}

}  // namespace storagepool::postgres::testing
