// How much memory the requests and answers of all connections of a server may hold together, and how much of
// it one client address may. Pure.
//
// An address may hold kShare times what is left once it holds it (a dynamic threshold, as switches share the
// memory of their queues): four fifths of all when nobody else is there, as behind a balancer, which is one
// address for all its clients; and who comes after a greedy one has four fifths of the rest. Nothing is taken
// away from who has it: what does not get on ends by itself (progress.h). A MemoryBudget is thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "pool/common/http/limits/rate_limit.h"

namespace storagepool::http {

// What one client address has; read and written by its MemoryBudget alone.
struct ClientShare {
  std::size_t bytes = 0;
  std::size_t connections = 0;
};

class MemoryBudget {
 public:
  static constexpr std::size_t kShare = 4;

  explicit MemoryBudget(std::size_t bytes) : bytes_(bytes) {}

  // Of a connection that begins, until leave().
  ClientShare& enter(const ClientKey& client);
  void leave(const ClientKey& client);

  // False, and nothing is taken, when all or this client would hold too much.
  bool take(ClientShare& share, std::size_t bytes);
  // For what is there already.
  void count(ClientShare& share, std::size_t bytes);
  void give_back(ClientShare& share, std::size_t bytes);

  std::size_t connections(const ClientShare& share) const;
  std::size_t held() const;
  std::uint64_t refused() const;  // how often

 private:
  void add(ClientShare& share, std::size_t bytes);

  const std::size_t bytes_;
  mutable std::mutex mutex_;  // guards all that follows, and the shares
  std::size_t held_ = 0;
  std::uint64_t refused_ = 0;
  std::map<ClientKey, ClientShare> clients_;
};

// What one request holds of a budget, from its head until its answer is sent; given back when it is
// destroyed, which must be before its client leaves.
class Reservation {
 public:
  Reservation(std::shared_ptr<MemoryBudget> budget, ClientShare& share)
      : budget_(std::move(budget)), share_(&share) {}
  Reservation(Reservation&& other) noexcept
      : budget_(std::move(other.budget_)), share_(other.share_), bytes_(std::exchange(other.bytes_, 0)) {}
  Reservation& operator=(Reservation&&) = delete;
  ~Reservation() {
    if (bytes_ > 0) budget_->give_back(*share_, bytes_);
  }

  // False, and nothing reserved, when too much would be held.
  bool grow(std::size_t bytes) {
    if (!budget_->take(*share_, bytes)) return false;
    bytes_ += bytes;
    return true;
  }
  // Has it hold this much instead. False, and all stays as it was, when that were too much.
  bool become(std::size_t bytes) {
    if (bytes > bytes_) return grow(bytes - bytes_);
    budget_->give_back(*share_, bytes_ - bytes);
    bytes_ = bytes;
    return true;
  }
  // For what is there and is to go all the same.
  void count(std::size_t bytes) {
    budget_->count(*share_, bytes);
    bytes_ += bytes;
  }

 private:
  std::shared_ptr<MemoryBudget> budget_;
  ClientShare* share_;
  std::size_t bytes_ = 0;
};

}  // namespace storagepool::http
