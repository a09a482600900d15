// How many requests one client may make: a token bucket per client address, as the generic cell rate
// algorithm (ITU-T I.371) keeps it, which is one point in time per client. Pure: the clock is given.
//
// The number of clients known is bounded. A full bucket says nothing and is dropped; when all have been used
// lately, the fullest goes, so that a client can have its own forgotten only by spending as much from every
// other address in the table. Not thread-safe.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <boost/asio/ip/address.hpp>

namespace storagepool::http {

// Who counts as one client: an IPv4 address, or an IPv6 network of 64 bits, which is the least that one
// customer of a provider gets (RFC 6177). IPv4 addresses mapped into IPv6 count as IPv4.
struct ClientKey {
  bool v6 = false;
  std::uint64_t network = 0;
  friend auto operator<=>(const ClientKey&, const ClientKey&) = default;
};
ClientKey client_key(const boost::asio::ip::address& address);

// An IPv4 address as one, also where it came to a socket of both; an IPv6 one without its zone.
std::string client_text(const boost::asio::ip::address& address);

class RateLimiter {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  static constexpr std::size_t kMaxClients = 16'384;  // about 2 MB

  // `per_second` is above 0; `burst` requests may come at once, at least 1.
  RateLimiter(double per_second, std::size_t burst, std::size_t max_clients = kMaxClients);

  // Zero when the client may go on, and the request is counted; else the time after which it may try again.
  std::chrono::nanoseconds take(const ClientKey& client, TimePoint now);

  std::size_t clients() const { return full_at_.size(); }

 private:
  void forget_first();

  std::chrono::nanoseconds interval_;  // between two tokens
  std::chrono::nanoseconds slack_;     // how far ahead a burst may run
  std::size_t max_clients_;
  std::map<ClientKey, TimePoint> full_at_;  // when the client's bucket will be full again
  std::set<std::pair<TimePoint, ClientKey>> by_time_;
};

}  // namespace storagepool::http
