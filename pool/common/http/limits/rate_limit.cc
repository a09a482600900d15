#include "pool/common/http/limits/rate_limit.h"

#include <algorithm>

namespace storagepool::http {
namespace {

// More than one, so that the table shrinks when fewer clients come.
constexpr int kForgottenPerRequest = 2;

template <typename Bytes>
std::uint64_t first_bits(const Bytes& bytes, std::size_t count) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < count; ++i) bits = bits << 8U | bytes.at(i);
  return bits;
}

}  // namespace

ClientKey client_key(const boost::asio::ip::address& address) {
  if (address.is_v4()) return {false, first_bits(address.to_v4().to_bytes(), 4)};
  const auto bytes = address.to_v6().to_bytes();
  if (address.to_v6().is_v4_mapped()) {
    return {false, first_bits(bytes, bytes.size()) & 0xFFFFFFFFU};
  }
  return {true, first_bits(bytes, 8)};
}

std::string client_text(const boost::asio::ip::address& address) {
  namespace ip = boost::asio::ip;
  if (address.is_v4()) return address.to_string();
  ip::address_v6 v6 = address.to_v6();
  if (v6.is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, v6).to_string();
  v6.scope_id(0);
  return v6.to_string();
}

RateLimiter::RateLimiter(double per_second, std::size_t burst, std::size_t max_clients)
    : interval_(std::max<std::int64_t>(1, static_cast<std::int64_t>(1e9 / per_second))),
      slack_(interval_ * static_cast<std::int64_t>(std::max<std::size_t>(burst, 1) - 1)),
      max_clients_(std::max<std::size_t>(max_clients, 1)) {}

std::chrono::nanoseconds RateLimiter::take(const ClientKey& client, TimePoint now) {
  for (int i = 0; i < kForgottenPerRequest && !by_time_.empty() && by_time_.begin()->first <= now; ++i) {
    forget_first();
  }
  const auto known = full_at_.find(client);
  const TimePoint full_at = known == full_at_.end() ? now : std::max(known->second, now);
  if (full_at - now > slack_) return full_at - now - slack_;
  if (known != full_at_.end()) {
    by_time_.erase(std::pair(known->second, client));
    full_at_.erase(known);
  }
  if (full_at_.size() >= max_clients_) forget_first();
  full_at_[client] = full_at + interval_;
  by_time_.emplace(full_at + interval_, client);
  return std::chrono::nanoseconds::zero();
}

void RateLimiter::forget_first() {
  full_at_.erase(by_time_.begin()->second);
  by_time_.erase(by_time_.begin());
}

}  // namespace storagepool::http
