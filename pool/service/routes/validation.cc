#include "pool/service/routes/validation.h"

#include <chrono>
#include <exception>
#include <stdexcept>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "pool/common/runtime/loop/promise.h"

namespace storagepool::service {
namespace {

Validation::Events read_now(event::Call call, const std::string& body, runtime::Timestamp now,
                            const event::TimeLimits& limits) {
  if (call == event::Call::kBatch) return event::validate_batch(body, now, limits);
  auto event = event::validate_event(body, now, limits);
  if (!event) return tl::unexpected(std::move(event.error()));
  std::vector<event::Event> one;
  one.push_back(std::move(*event));
  return one;
}

struct Outcome {
  Validation::Events events;
  std::exception_ptr thrown;
};

}  // namespace

boost::asio::awaitable<Validation::Events> Validation::read(event::Call call, std::string body,
                                                            runtime::Timestamp now,
                                                            event::TimeLimits limits) {
  if (body.size() <= kAtOnce) co_return read_now(call, body, now, limits);
  runtime::Promise<Outcome> promise(co_await boost::asio::this_coro::executor);
  if (!large_) large_.emplace(1);
  boost::asio::post(*large_, [giver = promise.giver(), call, body = std::move(body), now, limits]() mutable {
    if (!giver.wanted()) return;
    Outcome outcome;
    try {
      outcome.events = read_now(call, body, now, limits);
    } catch (...) {
      outcome.thrown = std::current_exception();
    }
    giver.give(std::move(outcome));
  });
  auto outcome = co_await promise.wait_until(std::chrono::steady_clock::time_point::max());
  if (!outcome) throw std::runtime_error("a large body was not read");
  if (outcome->thrown) std::rethrow_exception(outcome->thrown);
  co_return std::move(outcome->events);
}

}  // namespace storagepool::service
