// Bodies of requests decoded, and of answers compressed, in slices with a turn for the other connections
// between them.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <utility>

#include <boost/asio/awaitable.hpp>

#include "pool/common/http/message/message.h"

namespace storagepool::http {

// The refusal (415) of a body in a coding that is not decoded, as soon as the head is there.
std::optional<Response> refuse_coding(const Request& head);

// Whether it has a body to be decoded.
bool is_coded(const Request& request);

// False: there is no memory for that many bytes more.
using Reserve = std::function<bool(std::size_t bytes)>;

// Puts the decoded body in the place of the one sent, and takes Content-Encoding away; or why not: 400 for
// what is malformed, 413 above `limit` bytes or out of all proportion to what was sent, 503 when `reserve`
// refuses. Both must live until it is done. REQUIRES: `is_coded`.
boost::asio::awaitable<std::optional<Response>> decode_body(Request& request, std::size_t limit,
                                                            const Reserve& reserve);

// Whether the body may be compressed for a client that asks for it: it says so in `Vary`.
bool compressible(const Response& response);
// Puts the compressed body in the place of the response's.
boost::asio::awaitable<void> compress(Response& response);

}  // namespace storagepool::http
