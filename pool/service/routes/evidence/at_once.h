// How many of what costs a lot go on at the same time in a pod.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "pool/service/routes/answers.h"

namespace storagepool::service {

class AtOnce {
 public:
  using Place = std::shared_ptr<void>;  // given back by its destructor

  explicit AtOnce(int limit) : limit_(limit) {}

  // Null: there is none left.
  Place enter() const {
    if (*running_ >= limit_) return nullptr;
    ++*running_;
    // The number outlives who counts by it.
    return {running_.get(), [running = running_](int* number) { --*number; }};
  }
  // 429.
  static http::Response full(const http::Request& request) {
    return failed(tables::StoreError{.kind = tables::StoreError::Kind::kOverloaded,
                                     .detail = "others like it are under way, which read much",
                                     .retry_after = std::chrono::seconds{1}},
                  request);
  }

 private:
  int limit_;
  std::shared_ptr<int> running_ = std::make_shared<int>(0);
};

}  // namespace storagepool::service
