// One client connection: requests in, the handler's answers out, until either side has had enough.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "pool/common/http/context.h"
#include "pool/common/http/failure.h"
#include "pool/common/http/request_reader.h"
#include "pool/common/http/timed_socket.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::http {

class Connection {
 public:
  Connection(boost::asio::ip::tcp::socket socket, std::shared_ptr<Context> context);

  // Serves until the connection is closed; awaited while this lives.
  boost::asio::awaitable<void> serve();
  // Answers 503 without waiting for the request, then closes.
  boost::asio::awaitable<void> refuse();

  // drain(), once Context::draining is set: close when idle, else after the answer under way. cut(): close
  // now.
  void drain();
  void cut();

  // Since when it is served without having sent a whole request; none while it is owed an answer.
  std::optional<runtime::TimePoint> idle_since() const { return idle_since_; }

 private:
  boost::asio::awaitable<bool> begin_tls();
  boost::asio::awaitable<bool> await_request(bool first);
  boost::asio::awaitable<bool> serve_one();
  boost::asio::awaitable<Response> answer(Incoming& incoming, const Outline& asked);
  boost::asio::awaitable<Response> handle(Incoming& incoming);
  boost::asio::awaitable<bool> write(const Response& response, const Outline& asked, bool keep_alive);
  boost::asio::awaitable<void> linger();

  std::shared_ptr<Context> context_;
  std::shared_ptr<TimedSocket> socket_;
  RequestReader reader_;
  bool idle_ = false;  // nothing of a request has come
  std::optional<runtime::TimePoint> idle_since_;
};

}  // namespace storagepool::http
