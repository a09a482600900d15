// Clients that behave, to see how they fare beside others: one that writes events and one that asks for
// health.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "pool/common/http/testing/loopback.h"
#include "pool/service/program_tests/testing/pod.h"

namespace storagepool::service::testing {

inline const std::string kGoodToken = "well-behaved-0123456789abcdef0123456789abcdef";

inline std::string post_head(std::size_t announced, const std::string& token = kGoodToken,
                             const std::string& to = "events") {
  return "POST /api/v1/audit/" + to +
         " HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nAuthorization: Bearer " + token +
         "\r\nContent-Length: " + std::to_string(announced) + "\r\n\r\n";
}

// Writes one event after the other on a connection that it keeps.
class Writer {
 public:
  explicit Writer(std::uint16_t port) : port_(port), thread_([this] { run(); }) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { stop(); }

  void stop() {
    done_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // After stop().
  std::chrono::milliseconds p99() {
    std::sort(took_.begin(), took_.end());
    return took_.empty() ? std::chrono::hours{1} : took_[took_.size() * 99 / 100];
  }
  std::size_t written() const { return took_.size(); }
  const std::string& refused() const { return refused_; }

 private:
  void run() {
    std::unique_ptr<http::testing::Client> client;
    do {
      const std::string body = valid_event().dump();
      const auto began = std::chrono::steady_clock::now();
      try {
        if (!client) client = std::make_unique<http::testing::Client>(port_, "127.0.0.2");
        client->send(post_head(body.size()) + body);
        const auto answer = client->read();
        // 202: acknowledged too, while PostgreSQL is slow for a moment.
        if (!answer || (answer->status != 201 && answer->status != 202)) {
          refused_ += (answer ? std::to_string(answer->status) + " " + answer->body : "closed") + "\n";
          client.reset();
          continue;
        }
        took_.push_back(
            std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began));
      } catch (const std::exception& error) {
        refused_ += std::string(error.what()) + "\n";
        client.reset();
      }
    } while (!done_);
  }

  std::uint16_t port_;
  std::atomic<bool> done_{false};
  std::vector<std::chrono::milliseconds> took_;
  std::string refused_;
  std::thread thread_;
};

// Asks for health as a kubelet does, on a new connection each time.
class Probes {
 public:
  explicit Probes(const Pod& pod) : pod_(pod), thread_([this] { run(); }) {}
  Probes(const Probes&) = delete;
  Probes& operator=(const Probes&) = delete;
  ~Probes() { stop(); }

  void stop() {
    done_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::size_t asked() const { return asked_; }
  const std::string& failed() const { return failed_; }

 private:
  void run() {
    do {
      for (const char* path : {"/livez", "/readyz"}) {
        const auto answer = pod_.health(path);
        ++asked_;
        if (answer.status != 200)
          failed_ += path + (" " + std::to_string(answer.status)) + answer.body + "\n";
      }
    } while (!done_);
  }

  const Pod& pod_;
  std::atomic<bool> done_{false};
  std::size_t asked_ = 0;
  std::string failed_;
  std::thread thread_;
};

}  // namespace storagepool::service::testing
