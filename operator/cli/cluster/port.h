// A port of a pod, for requests whose Authorization must arrive: the API server takes it away when it
// proxies, so they go through `kubectl port-forward`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <tl/expected.hpp>

namespace storagepool::cli {

struct PodRequest {
  std::string method = "GET";
  std::string path{};   // with its query
  std::string token{};  // of Authorization: Bearer; empty: none
  std::string body{};   // JSON
};

struct PodAnswer {
  int status = 0;
  std::string body{};
};

class Port {
 public:
  virtual ~Port() = default;
  // One request after the other. The error is one sentence without the token.
  virtual tl::expected<PodAnswer, std::string> send(const PodRequest& request) = 0;
};

// How a port that speaks TLS is known for who it is.
struct Tls {
  std::string trusted;      // PEM: authorities, or the certificate itself
  std::string server_name;  // of the certificate; told to the server too (SNI, RFC 6066)
};

struct HttpLimits {
  std::chrono::milliseconds deadline{30'000};
  std::size_t most_bytes = std::size_t{64} << 20;
};

// To a port of this machine, over a connection of its own.
tl::expected<PodAnswer, std::string> send_here(std::uint16_t port, const PodRequest& request,
                                               const std::optional<Tls>& tls = {},
                                               const HttpLimits& limits = {});

}  // namespace storagepool::cli
