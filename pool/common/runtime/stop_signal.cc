#include "pool/common/runtime/stop_signal.h"

#include <csignal>

namespace storagepool::runtime {

StopSignal::StopSignal(const boost::asio::any_io_executor& executor, std::function<void(int)> on_stop)
    : signals_(executor, SIGTERM, SIGINT) {
  std::signal(SIGPIPE, SIG_IGN);
  signals_.async_wait(
      [this, on_stop = std::move(on_stop)](const boost::system::error_code& error, int signal) {
        if (error) return;  // cancelled: `this` may be gone
        signals_.clear();
        on_stop(signal);
      });
}

void StopSignal::cancel() {
  signals_.clear();
  signals_.cancel();
}

}  // namespace storagepool::runtime
