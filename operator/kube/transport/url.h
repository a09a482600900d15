// URLs as the API client needs them: the server's, taken apart, and the escaping of what goes into a path or
// a query. Pure.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace storagepool::kube {

struct ServerUrl {
  std::string base;  // "https://host:port"
  std::string path;  // "" or "/prefix", no trailing slash
};

// Accepts http and https URLs with a host, an optional port and path; no user info, query or fragment.
// `field` names the source in errors.
tl::expected<ServerUrl, std::string> split_server(std::string_view url, std::string_view field);

// Percent-encodes everything but RFC 3986's unreserved characters.
std::string escape_url(std::string_view text);

}  // namespace storagepool::kube
