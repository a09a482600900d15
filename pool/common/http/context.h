// What all connections of one server share.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "pool/common/http/rate_limit.h"
#include "pool/common/http/server.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::http {

struct Context {
  Context(const Limits& given_limits, Handler given_handler, Gate given_gate)
      : limits(given_limits), handler(std::move(given_handler)), gate(std::move(given_gate)) {
    if (limits.requests_per_second > 0) rate_limiter_.emplace(limits.requests_per_second, limits.burst);
  }

  bool limits_rate() const { return rate_limiter_.has_value(); }
  // Zero when a request of this client may go on, else how long it must wait. Only where limits_rate().
  std::chrono::nanoseconds take_token(const ClientKey& client) {
    // NOLINTNEXTLINE(bugprone-unchecked-optional-access): the caller has asked limits_rate()
    const auto retry_after = rate_limiter_->take(client, runtime::steady_now());
    if (retry_after.count() > 0) ++rate_limited;
    return retry_after;
  }

  const Limits limits;
  const Handler handler;
  const Gate gate;                        // may be empty
  bool encrypted = false;                 // with `tls`, or not at all
  std::shared_ptr<const TlsContext> tls;  // of connections to come
  std::size_t all_bodies_bytes = 0;
  std::uint64_t rate_limited = 0;  // requests refused by take_token
  bool closing = false;            // answers from now on are the last of their connection
  bool draining = false;           // and connections without a request are closed

 private:
  std::optional<RateLimiter> rate_limiter_;
};

// One request's share of Limits::all_bodies_bytes, given back when it is destroyed.
class BodyReservation {
 public:
  explicit BodyReservation(std::shared_ptr<Context> context) : context_(std::move(context)) {}
  BodyReservation(BodyReservation&& other) noexcept
      : context_(std::move(other.context_)), bytes_(std::exchange(other.bytes_, 0)) {}
  BodyReservation& operator=(BodyReservation&&) = delete;
  ~BodyReservation() {
    if (bytes_ > 0) context_->all_bodies_bytes -= bytes_;
  }

  // False, and nothing reserved, when all connections together would hold too much.
  bool grow(std::size_t bytes) {
    const std::size_t all = context_->all_bodies_bytes + bytes;
    if (all > context_->limits.all_bodies_bytes) return false;
    context_->all_bodies_bytes = all;
    bytes_ += bytes;
    return true;
  }

 private:
  std::shared_ptr<Context> context_;
  std::size_t bytes_ = 0;
};

}  // namespace storagepool::http
