// `kubectl port-forward` for as long as the object lives: a port on 127.0.0.1, chosen by the kernel, that
// leads to a port of a pod (or of one pod of a Service).
#pragma once

#include <cstdint>
#include <string>

#include "e2e/support/process.h"

namespace storagepool::e2e {

class PortForward {
 public:
  // `target` as kubectl takes it: "pod/audit-0", "svc/audit". Throws KubectlError when it does not come up in
  // time.
  PortForward(const std::string& name_space, const std::string& target, std::uint16_t remote_port);

  std::uint16_t port() const { return port_; }

 private:
  Child child_;
  std::uint16_t port_ = 0;
};

}  // namespace storagepool::e2e
