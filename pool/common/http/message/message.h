// A request and its answer, as handlers and gates see them; of the bytes that they come and go as know the
// files beside this one, each a part.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "pool/common/http/message/access.h"

namespace storagepool::http {

class Reservation;

struct Request {
  std::string method;                                      // "GET"
  std::string path;                                        // percent-decoded, without the query
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in the order sent
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string request_id;                         // X-Request-Id as given (if sane) or made
  std::map<std::string, std::string> parameters;  // path parameters, filled by the router
  Access access;                                  // filled by the gate
  std::string client;                             // the IP address it came from, see Limits::trusted_proxies
  std::string peer_certificate;   // name in the client's verified certificate, see tls.h; or ""
  std::string trace_id;           // of a valid traceparent, see trace_context.h; or ""
  bool takes_chunks = true;       // the answer may have a size that is not known before (HTTP/1.1)
  Reservation* memory = nullptr;  // what it holds; null where nobody counts
  // Whether its client has closed the connection, or its half of it, and so, as HTTP clients do, is through
  // with waiting. Null where there is no connection.
  std::function<bool()> gone{};

  std::optional<std::string_view> header(std::string_view name) const;       // case-insensitive, the first
  std::optional<std::string_view> query_value(std::string_view name) const;  // the first
  // Before memory beyond that of the body is used, until the answer is sent. False: there is none left, and
  // the answer is 503 with `Retry-After`.
  bool reserve(std::size_t bytes) const;
};

// The server adds Content-Length or Transfer-Encoding, Date, X-Request-Id, Connection and Keep-Alive; a
// handler's own fields of these names are not sent. A field whose name or value could split the response
// makes the answer a 500.
struct Response {
  // What a body goes on with; no value: it has ended. Asked for when what came before was sent, and no more
  // once the server drains. Memory is to be reserved for it before (Request::reserve), and is given back when
  // it was sent. After an exception, which is logged, the client sees that the body was cut short.
  using More = std::function<boost::asio::awaitable<std::optional<std::string>>()>;

  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::string> pieces;  // the body goes on in them; each is freed when it is sent
  std::vector<std::pair<std::string, std::string>> headers;
  More more{};  // null: the body is whole. REQUIRES otherwise: neither `body` nor `pieces`
};
std::size_t body_size(const Response& response);  // with its pieces, without what more there is

// Runs on the connection's strand; the request lives until it is answered. An exception that leaves it is
// logged (never with the body) and answered with 500.
using Handler = std::function<boost::asio::awaitable<Response>(Request&)>;

// Judges a request by its head (`body` is empty) before its body is read: fills `access`, or refuses with an
// answer. An exception is answered as one of the handler's.
using Gate = std::function<std::optional<Response>(Request& head)>;

}  // namespace storagepool::http
