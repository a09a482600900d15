#include "e2e/support/node_power.h"

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <exception>
#include <vector>

#include "e2e/support/node.h"

namespace storagepool::e2e {
namespace {

using namespace std::chrono_literals;

void send_to_kubelet(int signal) {
  try {
    ::kill(node_process("kubelet"), signal);
  } catch (const std::exception&) {
    return;  // none at the moment
  }
}

}  // namespace

NodeWithoutPower::NodeWithoutPower() {
  const pid_t kubelet = node_process("kubelet");
  const std::vector<pid_t> containers = container_processes();
  ::kill(kubelet, SIGKILL);
  for (const pid_t process : containers) ::kill(process, SIGKILL);
  off_ = std::jthread([](const std::stop_token& stop) {
    for (; !stop.stop_requested(); std::this_thread::sleep_for(50ms)) send_to_kubelet(SIGSTOP);
  });
}

NodeWithoutPower::~NodeWithoutPower() {
  off_.request_stop();
  off_.join();
  send_to_kubelet(SIGKILL);
}

}  // namespace storagepool::e2e
