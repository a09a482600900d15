// Calls to the admin port of a DataStorage pod: plain HTTP to the pod's address, a bearer token, a short
// deadline, a small answer. A pod is not trusted: it may be any image a user named, so every limit here is
// enforced on the wire. Thread-safe; blocks the caller.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "operator/kube/transport/error.h"

namespace storagepool::kube {

inline constexpr std::size_t kMaxPodResponseBytes = 64u << 10;  // of the body; the header may be 8 KiB
inline constexpr std::chrono::milliseconds kMaxPodDeadline{2000};

struct PodResponse {
  int status = 0;  // any HTTP status, 409 included: its meaning is the caller's
  std::string body = {};
};

class PodClient {
 public:
  PodClient() = default;
  PodClient(const PodClient&) = delete;
  PodClient& operator=(const PodClient&) = delete;
  virtual ~PodClient() = default;

  // `url`: "http://10.1.2.3:8082/admin/facts" or "http://[fd00::1]:8082/...", an address, never a name.
  // `token` may be empty. `deadline` is for the whole exchange, cut to kMaxPodDeadline. Redirects are
  // answers, never followed.
  virtual tl::expected<PodResponse, ApiError> get(const std::string& url, const std::string& token,
                                                  std::chrono::milliseconds deadline) = 0;
  // `body` is JSON.
  virtual tl::expected<PodResponse, ApiError> put(const std::string& url, const std::string& token,
                                                  const std::string& body,
                                                  std::chrono::milliseconds deadline) = 0;
};

std::unique_ptr<PodClient> make_pod_client();

}  // namespace storagepool::kube
