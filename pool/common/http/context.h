// What all connections of one server share, also those on other loops than its own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pool/common/http/limits/memory_budget.h"
#include "pool/common/http/limits/rate_limit.h"
#include "pool/common/http/server.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::http {

struct Context {
  // Where handlers run, when that is not where their connections are: `given_apart`.
  Context(const Limits& given_limits, Handler given_handler, Gate given_gate,
          boost::asio::any_io_executor given_apart = {})
      : limits(given_limits),
        handler(std::move(given_handler)),
        gate(std::move(given_gate)),
        memory(limits.memory_bytes),
        apart(std::move(given_apart)) {
    if (limits.requests_per_second > 0) rate_limiter_.emplace(limits.requests_per_second, limits.burst);
  }

  bool limits_rate() const { return rate_limiter_.has_value(); }
  // Zero when a request of this client may go on, else how long it must wait. Only where limits_rate().
  std::chrono::nanoseconds take_token(const ClientKey& client) {
    const std::lock_guard lock(rate_mutex_);
    // NOLINTNEXTLINE(bugprone-unchecked-optional-access): the caller has asked limits_rate()
    const auto retry_after = rate_limiter_->take(client, runtime::steady_now());
    if (retry_after.count() > 0) ++rate_limited;
    return retry_after;
  }

  const Limits limits;
  const Handler handler;
  const Gate gate;                        // may be empty
  bool encrypted = false;                 // with `tls`, or not at all; both for the server's loop alone
  std::shared_ptr<const TlsContext> tls;  // of connections to come
  Observer observer;                      // may be empty
  MemoryBudget memory;
  const boost::asio::any_io_executor apart;    // empty: handlers run where connections are
  std::atomic<std::uint64_t> rate_limited{0};  // requests refused by take_token
  std::atomic<bool> closing{false};            // answers from now on are the last of their connection
  std::atomic<bool> draining{false};           // and connections without a request are closed

 private:
  std::mutex rate_mutex_;
  std::optional<RateLimiter> rate_limiter_;
};

// Runs what belongs to the handler where handlers run; `work` returns an awaitable.
template <typename Work>
std::invoke_result_t<Work> at_handler(const Context& context, Work work) {
  if (!context.apart) return work();
  return boost::asio::co_spawn(context.apart, std::move(work), boost::asio::use_awaitable);
}

// A connection's place among those of its client's address.
class Member {
 public:
  Member(std::shared_ptr<Context> context, const boost::asio::ip::address& address)
      : context_(std::move(context)),
        peer_(address),
        address_(client_text(address)),
        client_(client_key(address)),
        share_(context_->memory.enter(client_)) {}
  ~Member() { context_->memory.leave(client_); }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  const boost::asio::ip::address& peer() const { return peer_; }
  const std::string& address() const { return address_; }
  const ClientKey& client() const { return client_; }
  ClientShare& share() const { return share_; }

 private:
  std::shared_ptr<Context> context_;
  const boost::asio::ip::address peer_;
  const std::string address_;
  const ClientKey client_;
  ClientShare& share_;
};

// Of a request that has just begun: nothing yet.
inline Reservation begin_reservation(const std::shared_ptr<Context>& context, const Member& member) {
  return Reservation(std::shared_ptr<MemoryBudget>(context, &context->memory), member.share());
}

}  // namespace storagepool::http
