#include "e2e/support/port_forward.h"

#include <charconv>
#include <chrono>
#include <string_view>

#include "e2e/support/kubectl.h"

namespace storagepool::e2e {

PortForward::PortForward(const std::string& name_space, const std::string& target, std::uint16_t remote_port)
    : child_({"kubectl", "-n", name_space, "port-forward", "--address", "127.0.0.1", target,
              ":" + std::to_string(remote_port)}) {
  constexpr std::string_view kPrefix = "Forwarding from 127.0.0.1:";
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  std::string printed;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    const auto line = left.count() > 0 ? child_.read_line(left) : std::nullopt;
    if (!line) break;
    if (line->starts_with(kPrefix)) {
      std::from_chars(line->data() + kPrefix.size(), line->data() + line->size(), port_);
      return;
    }
    printed.append(*line).append("\n");
  }
  throw KubectlError("kubectl port-forward " + target + " did not come up: " + printed);
}

}  // namespace storagepool::e2e
