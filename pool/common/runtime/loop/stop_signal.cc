#include "pool/common/runtime/loop/stop_signal.h"

#include <csignal>

namespace storagepool::runtime {

StopSignal::StopSignal(const boost::asio::any_io_executor& executor, std::function<void(int)> on_stop,
                       int times)
    : signals_(executor, SIGTERM, SIGINT), on_stop_(std::move(on_stop)), times_(times) {
  std::signal(SIGPIPE, SIG_IGN);
  wait();
}

void StopSignal::wait() {
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;  // cancelled: `this` may be gone
    if (--times_ > 0) {
      wait();
    } else {
      signals_.clear();
    }
    on_stop_(signal);
  });
}

void StopSignal::cancel() {
  signals_.clear();
  signals_.cancel();
}

}  // namespace storagepool::runtime
