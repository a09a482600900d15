// Rules on a request's header that keep its framing unambiguous, so that no two parsers on its way can
// disagree on where it ends (request smuggling; RFC 9112 §3.2 and §6). Pure; stricter than the parser where
// the RFC leaves a choice.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/common/http/message/problem.h"

namespace storagepool::http {

struct FramingFault {
  ProblemKind kind;
  std::string detail;
};

// HTTP/1.1 needs exactly one Host, HTTP/1.0 at most one; at most one Content-Length, of digits only;
// Transfer-Encoding only as a single "chunked", in HTTP/1.1, without Content-Length.
std::optional<FramingFault> check_framing(bool http11,
                                          const std::vector<std::pair<std::string, std::string>>& headers);

// Whether a field of this piece of a header (of whole lines) goes on in its next line, which RFC 9112 §5.2
// has abolished and not every parser on the way joins.
bool has_line_folding(std::string_view header);

}  // namespace storagepool::http
