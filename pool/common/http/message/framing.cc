#include "pool/common/http/message/framing.h"

#include <algorithm>
#include <string_view>

#include "pool/common/http/message/fields.h"

namespace storagepool::http {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Found {
  std::size_t count = 0;
  std::string_view first;
};

Found find(const Headers& headers, std::string_view name) {
  Found found;
  for (const auto& [field, value] : headers) {
    if (equals_ignoring_case(field, name) && found.count++ == 0) found.first = value;
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
  const Found host = find(headers, "Host");
  if (host.count > 1) return malformed("more than one Host header");
  if (host.count == 0 && http11) return malformed("missing Host header, which HTTP/1.1 requires");
  if (!valid_host(host.first)) return malformed("invalid Host header");

  const Found length = find(headers, "Content-Length");
  const Found coding = find(headers, "Transfer-Encoding");
  if (length.count > 1) return malformed("more than one Content-Length header");
  if (length.count > 0 && coding.count > 0) return malformed("both Content-Length and Transfer-Encoding");
  if (length.count > 0 &&
      (length.first.empty() || !std::all_of(length.first.begin(), length.first.end(), is_digit))) {
    return malformed("Content-Length must be a decimal number");
  }
  if (coding.count > 1) return malformed("more than one Transfer-Encoding header");
  if (coding.count > 0 && !http11) return malformed("Transfer-Encoding needs HTTP/1.1");
  if (coding.count > 0 && !equals_ignoring_case(coding.first, "chunked")) {
    return FramingFault{ProblemKind::kNotImplemented, "of Transfer-Encoding only \"chunked\" is supported"};
  }
  return std::nullopt;
}

bool has_line_folding(std::string_view header) {
  for (std::size_t end = header.find("\r\n"); end != std::string_view::npos;
       end = header.find("\r\n", end + 2)) {
    if (end + 2 < header.size() && (header[end + 2] == ' ' || header[end + 2] == '\t')) return true;
  }
  return false;
}

}  // namespace storagepool::http
