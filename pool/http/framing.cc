#include "pool/http/framing.h"

#include <algorithm>
#include <string_view>

#include "pool/http/fields.h"

namespace storagepool::http {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

std::vector<std::string_view> values(const Headers& headers, std::string_view name) {
  std::vector<std::string_view> found;
  for (const auto& [field, value] : headers) {
    if (equals_ignoring_case(field, name)) found.emplace_back(value);
  }
  return found;
}

// uri-host [":" port] of RFC 3986, by its characters only.
bool valid_host(std::string_view host) {
  return std::all_of(host.begin(), host.end(), [](char c) {
    return is_alphanumeric(c) || std::string_view("-._~%!$&'()*+,;=:[]").find(c) != std::string_view::npos;
  });
}

FramingFault malformed(std::string detail) {
  return {ProblemKind::kValidationError, std::move(detail)};
}

}  // namespace

std::optional<FramingFault> check_framing(bool http11, const Headers& headers) {
  const auto host = values(headers, "Host");
  if (host.size() > 1) return malformed("more than one Host header");
  if (host.empty() && http11) return malformed("missing Host header, which HTTP/1.1 requires");
  if (!host.empty() && !valid_host(host.front())) return malformed("invalid Host header");

  const auto length = values(headers, "Content-Length");
  const auto coding = values(headers, "Transfer-Encoding");
  if (length.size() > 1) return malformed("more than one Content-Length header");
  if (!length.empty() && !coding.empty()) return malformed("both Content-Length and Transfer-Encoding");
  if (!length.empty() &&
      (length.front().empty() || !std::all_of(length.front().begin(), length.front().end(), is_digit))) {
    return malformed("Content-Length must be a decimal number");
  }
  if (coding.size() > 1) return malformed("more than one Transfer-Encoding header");
  if (!coding.empty() && !http11) return malformed("Transfer-Encoding needs HTTP/1.1");
  if (!coding.empty() && !equals_ignoring_case(coding.front(), "chunked")) {
    return FramingFault{ProblemKind::kNotImplemented, "of Transfer-Encoding only \"chunked\" is supported"};
  }
  return std::nullopt;
}

}  // namespace storagepool::http
