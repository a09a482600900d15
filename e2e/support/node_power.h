// The power of hack/cluster's node, as a worker loses it: its kubelet and all of its containers with their
// pods' networks end at once, and stay away until this ends. The control plane, which a real cluster has
// elsewhere, and what is on disks and in volumes stay.
#pragma once

#include <thread>

namespace storagepool::e2e {

class NodeWithoutPower {
 public:
  NodeWithoutPower();
  ~NodeWithoutPower();
  NodeWithoutPower(const NodeWithoutPower&) = delete;
  NodeWithoutPower& operator=(const NodeWithoutPower&) = delete;

 private:
  // The node starts a kubelet that has ended at once.
  std::jthread off_;
};

}  // namespace storagepool::e2e
