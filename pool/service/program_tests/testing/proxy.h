// nginx or HAProxy in front of a pod, on a port of its own, with its defaults but for how long it keeps idle
// connections to the pod, and that it tells in X-Forwarded-For for whom it asks. Ended by the destructor, and
// by the kernel when the test dies. Throws std::runtime_error when it does not start.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <sys/types.h>

#include "pool/common/runtime/testing/temporary_folder.h"
#include "pool/postgres/testing/port.h"

namespace storagepool::service::testing {

inline const std::string kProxyAddress = "127.0.0.3";  // that the pod sees it come from

enum class ProxyKind { kNginx, kHaproxy };

class Proxy {
 public:
  // `keeps`: none is the proxy's default.
  Proxy(ProxyKind kind, std::uint16_t pod, std::optional<std::chrono::milliseconds> keeps);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  std::uint16_t port() const { return held_.port; }

 private:
  runtime::testing::TemporaryFolder folder_;
  postgres::testing::HeldPort held_;
  pid_t process_ = -1;
};

}  // namespace storagepool::service::testing
