// Pieces of kubeconfig parsing shared by config.cc and kubeconfig.cc.
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

// Standard base64 (RFC 4648 section 4), padding required, white space ignored.
tl::expected<std::string, std::string> decode_base64(std::string_view text);

}  // namespace storagepool::kube
