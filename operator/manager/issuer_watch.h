// Keeps what the API server tells of who signs the tokens of service accounts: its discovery document and its
// keys, read at once, then every few minutes, and sooner after a failure. What was read once stays until
// something else is read.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <random>
#include <stop_token>
#include <string>
#include <thread>

#include "operator/kube/transport/transport.h"
#include "operator/reconcile/reconcile.h"

namespace storagepool::manager {

struct IssuerWatchTimes {
  std::chrono::milliseconds refresh = std::chrono::minutes{5};  // a tenth more or less each time
  std::chrono::milliseconds retry = std::chrono::seconds{1};    // after a failure, doubled with each up to
  std::chrono::milliseconds longest_retry = std::chrono::minutes{1};
};

class IssuerWatch {
 public:
  // A token that the API server has issued for itself, whose audiences are the cluster's; empty: none.
  using OwnToken = std::function<std::string()>;

  // `changed` is called from the watch's thread when something else than before was read. The transport
  // outlives this.
  IssuerWatch(kube::Transport& transport, OwnToken own_token, std::function<void()> changed,
              IssuerWatchTimes times = {});
  ~IssuerWatch();

  // Waits until something was read; false when it was not in time, or the stop came first.
  bool wait(std::chrono::milliseconds limit, const std::stop_token& stop);
  // Thread-safe.
  reconcile::KnownIssuer current() const;

 private:
  void run(const std::stop_token& stop);
  tl::expected<render::TokenIssuer, std::string> read(const std::stop_token& stop);
  void take(tl::expected<render::TokenIssuer, std::string> read);
  std::chrono::milliseconds pause();

  kube::Transport& transport_;
  const OwnToken own_token_;
  const std::function<void()> changed_;
  const IssuerWatchTimes times_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable_any arrived_;
  reconcile::KnownIssuer known_{.issuer = nullptr, .failure = "it has not been asked yet"};
  int failures_ = 0;  // in a row; of the thread, as the random numbers are
  std::minstd_rand random_{std::random_device{}()};
  std::jthread thread_;
};

}  // namespace storagepool::manager
