// The operator's one way to the Kubernetes API: blocking HTTP requests and line-framed streams (watches),
// behind an interface without any HTTP library's types, so that tests put a fake in its place.
// Implementations add the server's address, TLS and credentials; callers give a path such as "/api/v1/pods".
// Thread-safe: several worker threads call at once. Never call from the HTTP library's own threads.
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "operator/kube/transport/error.h"

namespace storagepool::kube {

inline constexpr std::size_t kMaxResponseBytes = 64u << 20;
inline constexpr std::size_t kMaxWatchLineBytes = 8u << 20;
inline constexpr std::chrono::seconds kDefaultDeadline{20};

enum class Method { kGet, kPost, kPut, kPatch, kDelete };
std::string_view to_string(Method method);  // "GET"

using Query = std::vector<std::pair<std::string, std::string>>;  // unescaped

struct ApiRequest {
  Method method = Method::kGet;
  std::string path = {};  // absolute, its segments already escaped: see resource.h
  Query query = {};
  std::string content_type = {};  // of the body; empty without a body
  std::string accept = "application/json";
  std::string body = {};
  std::chrono::milliseconds deadline = kDefaultDeadline;  // for the whole exchange, at most 1 minute
  std::stop_token stop = {};                              // a requested stop ends it as kReasonCancelled
};

struct StreamRequest {
  std::string path = {};
  Query query = {};
  // The connection counts as dead when the server has been silent for this long: longer than its own
  // timeoutSeconds, at most 10 minutes.
  std::chrono::milliseconds silence{0};
};

// Called on the calling thread with one line, without its line end; return false to end the stream.
using LineHandler = std::function<bool(std::string_view line)>;

class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  // The body of a 2xx answer (at most kMaxResponseBytes); any other answer, a redirect included, is an error.
  virtual tl::expected<std::string, ApiError> request(const ApiRequest& request) = 0;

  // GETs and hands over each line (at most kMaxWatchLineBytes) as it comes. A value: the server answered 2xx
  // and ended the stream, or the handler did. A requested stop ends it within about 10 ms as
  // kReasonCancelled.
  virtual tl::expected<void, ApiError> stream(const StreamRequest& request, const LineHandler& on_line,
                                              std::stop_token stop) = 0;
};

}  // namespace storagepool::kube
