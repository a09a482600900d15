#include "pool/common/http/limits/memory_budget.h"

namespace storagepool::http {

ClientShare& MemoryBudget::enter(const ClientKey& client) {
  const std::lock_guard lock(mutex_);
  ClientShare& share = clients_[client];
  ++share.connections;
  return share;
}

void MemoryBudget::leave(const ClientKey& client) {
  const std::lock_guard lock(mutex_);
  const auto found = clients_.find(client);
  if (--found->second.connections == 0) clients_.erase(found);
}

bool MemoryBudget::take(ClientShare& share, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  const std::size_t left = bytes_ > held_ ? bytes_ - held_ : 0;
  if (bytes > left || share.bytes + bytes > kShare * (left - bytes)) {
    ++refused_;
    return false;
  }
  add(share, bytes);
  return true;
}

void MemoryBudget::count(ClientShare& share, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  add(share, bytes);
}

void MemoryBudget::add(ClientShare& share, std::size_t bytes) {
  held_ += bytes;
  share.bytes += bytes;
}

void MemoryBudget::give_back(ClientShare& share, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  held_ -= bytes;
  share.bytes -= bytes;
}

std::size_t MemoryBudget::connections(const ClientShare& share) const {
  const std::lock_guard lock(mutex_);
  return share.connections;
}

std::size_t MemoryBudget::held() const {
  const std::lock_guard lock(mutex_);
  return held_;
}

std::uint64_t MemoryBudget::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

}  // namespace storagepool::http
