// Makes a request out of the bytes of a connection, within the server's limits. No I/O, and it does not
// matter how the bytes are cut into pieces. The only place that knows Beast's parser, to which it adds what
// that leaves open: unambiguous framing (framing.h), no line folding, a bound on what chunked encoding may
// cost.
//
// Each request has a parser of its own: take_header() until it is true, then take_body() until it is true,
// each time with more input than before. A body of known length can be read past the input, into room().
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <tl/expected.hpp>

#include "pool/common/http/context.h"
#include "pool/common/http/message/problem.h"
#include "pool/common/http/server.h"

namespace storagepool::http {

// Why there is no request. Where the client is still there to be told, with an answer.
struct Rejected {
  std::optional<Response> answer;
  Request request;          // as far as it was understood, without a body; request_id is always set
  bool keep_alive = false;  // the next request can be told from the rest of this one
};

class RequestParser {
 public:
  explicit RequestParser(const Limits& limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // What input must be able to hold.
  static std::size_t input_bytes(const Limits& limits);

  // Takes the header from the front of `input`; false when more input is needed. After a rejection nothing
  // else may be taken from the connection.
  tl::expected<bool, Rejected> take_header(boost::beast::flat_buffer& input);

  // Takes what is there of the body, with memory from `reservation`; false when more is needed.
  tl::expected<bool, Rejected> take_body(boost::beast::flat_buffer& input, Reservation& reservation);
  // Where the next bytes of the body may be written instead of into an empty input; may be empty. filled()
  // says how many were.
  boost::asio::mutable_buffer room();
  void filled(std::size_t bytes) { body_size_ += bytes; }

  // Of a request whose header was taken.
  bool keep_alive() const;        // the client allows another request after this one
  bool expects_continue() const;  // and has a body
  Request& head() { return request_; }
  Request take_request() { return std::move(request_); }
  // Refused before its body was read; of a body that is in `input` whole, the connection can go on after it.
  Rejected refuse(boost::beast::flat_buffer& input, Response answer);
  Rejected refuse_rate(boost::beast::flat_buffer& input, std::chrono::nanoseconds retry_after);

  // The connection's end, or the deadline, came before the request was whole.
  Rejected ended();
  Rejected timed_out();
  Rejected gone();  // it cannot be told
  Rejected too_much_memory();
  std::size_t header_bytes() const { return header_size_; }  // of what was taken so far

 private:
  struct Parser;

  bool done() const;
  std::optional<std::string> understand();
  tl::expected<bool, Rejected> take_chunks(boost::beast::flat_buffer& input, Reservation& reservation);
  bool grow(Reservation& reservation);
  std::string_view part() const;
  Request give_up();
  Rejected reject(ProblemKind kind, std::string_view detail,
                  std::optional<std::chrono::seconds> retry_after = {});
  Rejected explain(const boost::system::error_code& error, std::string_view unread);
  Rejected header_too_large();

  const Limits& limits_;
  std::unique_ptr<Parser> parser_;
  Request request_;
  std::size_t header_size_ = 0;
  bool header_done_ = false;
  std::optional<std::size_t> announced_;  // Content-Length
  std::size_t body_size_ = 0;             // request_.body may be longer meanwhile
  std::size_t chunked_size_ = 0;          // of the body as sent
  bool at_chunk_ = false;                 // whose beginning has not all come
};

}  // namespace storagepool::http
