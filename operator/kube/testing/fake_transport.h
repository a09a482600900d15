// A Transport for tests: answers from functions, and remembers what was asked.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "operator/kube/transport/transport.h"

namespace storagepool::kube {

class FakeTransport final : public Transport {
 public:
  using Answer = std::function<tl::expected<std::string, ApiError>(const ApiRequest&)>;
  using Stream =
      std::function<tl::expected<void, ApiError>(const StreamRequest&, const LineHandler&, std::stop_token)>;

  explicit FakeTransport(Answer answer, Stream stream = {})
      : answer_(std::move(answer)), stream_(std::move(stream)) {}

  tl::expected<std::string, ApiError> request(const ApiRequest& request) override {
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    return answer_(request);
  }
  tl::expected<void, ApiError> stream(const StreamRequest& request, const LineHandler& on_line,
                                      std::stop_token stop) override {
    return stream_(request, on_line, std::move(stop));
  }

  std::vector<ApiRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  Answer answer_;
  Stream stream_;
  mutable std::mutex mutex_;
  std::vector<ApiRequest> requests_;
};

// The value of a query parameter, or "".
inline std::string parameter(const Query& query, const std::string& name) {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace storagepool::kube
