#include "pool/common/http/limits/memory_budget.h"

namespace storagepool::http {

ClientShare& MemoryBudget::enter(const ClientKey& client) {
  ClientShare& share = clients_[client];
  ++share.connections;
  return share;
}

void MemoryBudget::leave(const ClientKey& client) {
  const auto found = clients_.find(client);
  if (--found->second.connections == 0) clients_.erase(found);
}

bool MemoryBudget::take(ClientShare& share, std::size_t bytes) {
  const std::size_t left = bytes_ > held_ ? bytes_ - held_ : 0;
  if (bytes > left || share.bytes + bytes > kShare * (left - bytes)) {
    ++refused_;
    return false;
  }
  count(share, bytes);
  return true;
}

void MemoryBudget::count(ClientShare& share, std::size_t bytes) {
  held_ += bytes;
  share.bytes += bytes;
}

void MemoryBudget::give_back(ClientShare& share, std::size_t bytes) {
  held_ -= bytes;
  share.bytes -= bytes;
}

}  // namespace storagepool::http
