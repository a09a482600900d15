// Clients that create events all the time and keep the ids of those that were acknowledged. Every other event
// has an id of its client's, who repeats it until it is acknowledged; what has not, is not repeated.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "pool/postgres/testing/server.h"

namespace storagepool::service::testing {

class Load {
 public:
  explicit Load(std::uint16_t port);
  ~Load() { stop(); }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  void send_to(std::uint16_t port) { port_ = port; }
  // Waits for this many more answers of this status.
  bool sees(unsigned status, std::size_t more) const;
  void stop();
  // What was acknowledged and is not in PostgreSQL, and what is there twice: none, when the journal is empty.
  std::vector<std::string> lost_or_doubled(const postgres::testing::Server& server) const;

 private:
  std::size_t count(unsigned status) const;
  void run(bool own_ids);

  std::atomic<std::uint16_t> port_;
  std::atomic<bool> done_{false};
  mutable std::mutex mutex_;
  std::map<unsigned, std::vector<std::string>> acknowledged_;  // ids by status
  std::vector<std::thread> clients_;
};

}  // namespace storagepool::service::testing
