#include "operator/kube/transport/url.h"

namespace storagepool::kube {

tl::expected<ServerUrl, std::string> split_server(std::string_view url, std::string_view field) {
  const auto refuse = [&](const std::string& why) {
    return tl::unexpected(std::string(field) + ": \"" + std::string(url.substr(0, 256)) + "\" " + why);
  };
  if (url.empty()) return tl::unexpected(std::string(field) + ": not set");
  std::size_t scheme = 0;
  if (url.starts_with("https://")) scheme = 8;
  if (url.starts_with("http://")) scheme = 7;
  if (scheme == 0) return refuse("does not start with https:// or http://");
  // The user info could hold a password: do not repeat it.
  if (url.find('@') != std::string_view::npos)
    return tl::unexpected(std::string(field) + ": user info is not supported");
  if (url.find_first_of("?#\\ \t\r\n") != std::string_view::npos)
    return refuse("has a query, a fragment or white space");
  const std::size_t slash = url.find('/', scheme);
  ServerUrl parts{std::string(url.substr(0, slash)), {}};
  if (slash != std::string_view::npos) parts.path = url.substr(slash);
  while (parts.path.ends_with('/')) parts.path.pop_back();
  const std::string_view authority = std::string_view(parts.base).substr(scheme);
  const std::size_t host_end = authority.find(':');
  if (authority.empty() || host_end == 0) return refuse("has no host");
  // The HTTP library cannot connect to one.
  if (authority.starts_with('[')) return refuse("has an IPv6 address: use a host name");
  std::string_view rest = host_end == std::string_view::npos ? "" : authority.substr(host_end);
  if (!rest.empty()) {
    rest.remove_prefix(1);
    int port = 0;
    for (const char c : rest) port = c >= '0' && c <= '9' && port <= 65535 ? port * 10 + (c - '0') : 65536;
    if (port < 1 || port > 65535) return refuse("has a port outside 1 to 65535");
  }
  return parts;
}

std::string escape_url(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                            c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      escaped += c;
    } else {
      escaped += '%';
      escaped += kHex[byte >> 4];
      escaped += kHex[byte & 15];
    }
  }
  // "." and ".." as a whole segment would be resolved away.
  if (escaped == ".") return "%2E";
  if (escaped == "..") return "%2E%2E";
  return escaped;
}

}  // namespace storagepool::kube
