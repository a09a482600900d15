// One client connection: requests in, the handler's answers out, until either side has had enough.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "pool/common/http/context.h"
#include "pool/common/http/exchange.h"
#include "pool/common/http/failure.h"
#include "pool/common/http/limits/room.h"
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

  // How it stands where one must be closed; none while it is with the handler, or is closed already.
  std::optional<Standing> standing(runtime::TimePoint now) const;

 private:
  boost::asio::awaitable<bool> begin_tls();
  boost::asio::awaitable<bool> await_request(bool first);
  boost::asio::awaitable<bool> serve_one();
  boost::asio::awaitable<Response> answer(Incoming& incoming);
  bool pays_for(const Response& response, Reservation& reservation) const;
  // Frees the pieces as they are sent.
  boost::asio::awaitable<bool> write(Response& response, const Request& request, bool keep_alive,
                                     Reservation* reservation);
  // False where the client cannot know that it has all. `streamed_` counts on.
  boost::asio::awaitable<bool> stream(const Response::More& more, const Request& request,
                                      Reservation* reservation);
  boost::asio::awaitable<void> let_go(Response& response);  // of what is the handler's
  boost::asio::awaitable<bool> send_piece(std::string piece, bool in_chunks);
  std::optional<Exchange> to_observe(const Request& request);
  void observed(std::optional<Exchange> exchange, unsigned status, std::size_t bytes_out,
                runtime::TimePoint began);
  boost::asio::awaitable<bool> write_slowly(TimedSocket::Parts parts);
  boost::asio::awaitable<void> linger();

  std::shared_ptr<Context> context_;
  std::shared_ptr<TimedSocket> socket_;
  Member member_;
  RequestReader reader_;
  bool refused_ = false;
  std::size_t streamed_ = 0;                       // bytes of bodies whose size was not known before
  bool idle_ = false;                              // nothing of a request has come
  std::optional<runtime::TimePoint> waits_since_;  // while it is served and has not sent a whole request
  std::optional<Progress> answer_;                 // while one is being sent
};

}  // namespace storagepool::http
