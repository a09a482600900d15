// Reads requests from a socket within the server's limits, one after the other.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <tl/expected.hpp>

#include "pool/common/http/context.h"
#include "pool/common/http/limits/progress.h"
#include "pool/common/http/request_parser.h"
#include "pool/common/http/server.h"
#include "pool/common/http/timed_socket.h"

namespace storagepool::http {

struct Incoming {
  Request request;
  bool keep_alive = false;  // the client allows another request after this one
  Reservation reservation;
};

class RequestReader {
 public:
  // `member` outlives the reader.
  RequestReader(std::shared_ptr<TimedSocket> socket, std::shared_ptr<Context> context, const Member& member);

  // Waits for the first bytes of a request; false when the client closed or nothing came in time.
  boost::asio::awaitable<bool> wait(std::chrono::milliseconds timeout);

  // Reads the request whose first bytes are there. After a rejection without keep_alive the connection must
  // be closed.
  boost::asio::awaitable<tl::expected<Incoming, Rejected>> read();

  // Bytes of a next, pipelined request are there already.
  bool has_buffered() const { return buffer_.size() > 0; }

  // Of the request whose body is being read.
  const std::optional<Progress>& progress() const { return progress_; }

 private:
  std::optional<Rejected> judge(RequestParser& parser);
  // Of what has not come whole: until the header is taken, or the body.
  boost::asio::awaitable<tl::expected<bool, Rejected>> wait_for_header(RequestParser& parser,
                                                                       Reservation& reservation);
  boost::asio::awaitable<tl::expected<bool, Rejected>> wait_for_body(RequestParser& parser,
                                                                     Reservation& reservation,
                                                                     bool asks_first);
  boost::asio::awaitable<tl::expected<std::size_t, Rejected>> read_more(RequestParser& parser);
  boost::asio::awaitable<bool> send_continue();

  std::shared_ptr<TimedSocket> socket_;
  std::shared_ptr<Context> context_;
  const Member& member_;
  std::optional<Progress> progress_;
  boost::beast::flat_buffer buffer_;
};

}  // namespace storagepool::http
