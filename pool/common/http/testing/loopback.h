// A real server on a kernel-chosen loopback port and a blocking client that can send any bytes, for tests.
// Every wait of the client has a generous deadline, after which it throws.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pool/common/http/server.h"

namespace storagepool::http::testing {

// The smallest request.
inline constexpr const char* kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

// Runs a server on a thread of its own until destroyed, with its connections on as many other threads as
// STORAGEPOOL_HTTP_TEST_LANES says, so that all tests can be run both ways.
class LoopbackServer {
 public:
  LoopbackServer(const Limits& limits, Handler handler, Gate gate = {});
  LoopbackServer(const Limits& limits, Handler handler, Gate gate, std::size_t lanes);
  ~LoopbackServer();
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  std::uint16_t port() const;
  void close_after_answers(bool close);
  void use_tls(std::shared_ptr<const TlsContext> tls);
  void observe(Observer observer);  // called on the server's thread
  bool drain(std::chrono::steady_clock::duration timeout);
  std::uint64_t rate_limited() const;
  std::size_t memory_held() const;
  std::uint64_t closed_for_new() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct Answer {
  unsigned status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  std::string header(const std::string& name) const;  // "" when absent
};

class Client {
 public:
  // `from` is the client's own loopback address.
  explicit Client(std::uint16_t port, const char* from = "127.0.0.1");
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // False when the server has closed.
  bool send(std::string_view bytes);
  // The next answer, or nothing when the server closed before its first byte. One cut off in the middle
  // throws. `with_body` is false for the answer to HEAD.
  std::optional<Answer> read(bool with_body = true);
  // At most `bytes`, as soon as there are any; empty at the end.
  std::string read_some(std::size_t bytes);
  // Everything until the server closes (or resets).
  std::string read_to_end();
  // Whether something (or the end) can be read within `timeout`.
  bool readable(std::chrono::milliseconds timeout);
  void half_close();
  void reset();  // closes with RST

 private:
  bool receive(std::size_t at_most = 65536);  // appends to received_; false at the end

  int fd_;
  std::string received_;
};

// One request on a connection of its own.
Answer ask(std::uint16_t port, std::string_view request);

// Nobody listens there, or not any more.
bool refuses_connections(std::uint16_t port);

// Answers 200 with method, path, query, headers and body as a JSON object.
boost::asio::awaitable<Response> echo(Request& request);

// Where requests wait in their handler until it is open.
struct Barrier {
  std::atomic<int> waiting = 0;
  std::atomic<bool> open = false;
};
// Requests to `path` wait at the barrier, whatever their client does; all are answered with 200.
Handler held_by(std::shared_ptr<Barrier> barrier, std::string path);

// Polls until `condition` holds; false when it did not within a generous deadline.
bool eventually(const std::function<bool()>& condition);

}  // namespace storagepool::http::testing
