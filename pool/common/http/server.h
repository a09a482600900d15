// A bounded HTTP/1.1 server over Boost.Beast (RFC 9110, RFC 9112). It parses and limits; what a request means
// is the handler's business, and who may make it the gate's. Limits are set on the parser before anything is
// read, every read and write has a deadline, and for a connection over the bound an idle one is closed.
// Malformed requests answer 400, 408, 413 or 431 as fits (as problem details, RFC 9457) and the process lives
// on.
//
// A client that is gone frees its connection when the handler has answered, not before: so many clients that
// connect, ask and vanish never have more handlers under way than there may be connections.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/http/limits/progress.h"
#include "pool/common/http/message/message.h"
#include "pool/common/settings/networks.h"

namespace storagepool::http {

struct Limits {
  std::size_t header_bytes = std::size_t{16} * 1024;      // request line and fields; over it: 431
  std::size_t body_bytes = std::size_t{5} * 1024 * 1024;  // after chunked decoding; over it: 413
  // Of all connections: heads, bodies, what handlers reserve, and answers until they are sent
  // (memory_budget.h). Over it, or over its client's share: 503 with `Retry-After`.
  std::size_t memory_bytes = std::size_t{128} * 1024 * 1024;
  // Over it one is closed for the new one, idle ones first (room.h); only where all are with the handler the
  // new one is 503 with `Retry-After`.
  std::size_t max_connections = 4096;
  std::chrono::milliseconds header_timeout{10'000};  // first to last byte of the header, then 408
  Pace pace{};                                       // of bodies, then 408, and of answers, then closed
  // Idle between requests, as every answer tells (`Keep-Alive: timeout=`, in whole seconds); then closed, but
  // for the grace: who goes by what it was told has closed first, so that no request meets our close.
  std::chrono::milliseconds keep_alive_timeout{75'000};
  std::chrono::milliseconds keep_alive_grace{1'000};
  // Of one client (an IPv4 address or an IPv6 /64), of requests that the gate lets through, over it: 429 with
  // `Retry-After`, before the body is read.
  // Behind a proxy that is not trusted all its clients are one.
  double requests_per_second = 0;  // on average; 0: no limit
  std::size_t burst = 1;           // at once, at least 1; without meaning where there is no limit
  // Who says for whom a request was forwarded (forwarded.h): then that is its client, but for shares of
  // memory and places, which are those of who holds the connection.
  std::vector<settings::Network> trusted_proxies{};
};

class TlsContext;
struct Exchange;
// Hears of each request that was read as far as its head, once its answer was sent.
using Observer = std::function<void(const Exchange&)>;

// Lives on one serial executor (a context that one thread runs, or a strand) and must be used on it, but for
// its destruction. Handlers run there, and so do its connections, unless it is given other serial executors
// for these (`lanes`), each run by a thread of its own: then a connection is accepted here, goes to the lane
// with the fewest, and is read, judged by the gate, answered and observed there, so that gate and observer
// must be thread-safe; its handler, and what more its answer goes on with, run here as before. All limits are
// those of all lanes together. A lane's context must be there until this executor's is gone. Requests are
// served one at a time per connection: of pipelined ones at most the larger of Limits::header_bytes and 8 KiB
// is read ahead, the others wait in the socket. Whatever the handler refers to must live until the executor
// has stopped or a drain has returned true.
class Server {
 public:
  // A request is judged in this order: its head, the size it announces, the gate (without one all pass), its
  // client's rate, its body. `100 Continue` is sent after the rate.
  Server(boost::asio::any_io_executor executor, Limits limits, Handler handler, Gate gate = {},
         std::vector<boost::asio::any_io_executor> lanes = {});
  ~Server();  // stops accepting and cuts every connection
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Binds (`address` is an IP address; "::" also takes IPv4, and IPv4 alone where the host has no IPv6) and
  // starts accepting; port 0 lets the kernel choose. Returns the bound port, or why not. Once per server.
  tl::expected<std::uint16_t, std::string> listen(const std::string& address, std::uint16_t port);

  // Connections that are accepted from now on speak TLS with this; those that are there go on as they began.
  // Null: there is nothing to speak it with, and they are closed. Without TLS unless this is called.
  void use_tls(std::shared_ptr<const TlsContext> tls);

  void observe(Observer observer);

  // Whether from now on every answer says `Connection: close`, so that clients go elsewhere with their next
  // request. Those that come are served as before. Not after drain().
  void close_after_answers(bool close);

  // Stops accepting, answers requests under way with `Connection: close`, closes idle connections; returns
  // when all are gone or at the deadline, when the rest are cut. True when none had to be cut.
  boost::asio::awaitable<bool> drain(std::chrono::steady_clock::time_point deadline);

  // How many requests were refused because their client had made too many (Limits::requests_per_second).
  std::uint64_t rate_limited() const;
  // What is held now of Limits::memory_bytes, and how often more was refused.
  std::size_t memory_held() const;
  std::uint64_t memory_refused() const;
  // How many connections were closed for new ones.
  std::uint64_t closed_for_new() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace storagepool::http
