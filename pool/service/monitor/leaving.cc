#include "pool/service/monitor/leaving.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "pool/common/runtime/files.h"
#include "pool/common/runtime/log.h"

namespace storagepool::service {
namespace {

constexpr std::size_t kMaxMarkBytes = 4096;

}  // namespace

Leaving::Leaving(std::string path, std::string pod, std::chrono::milliseconds delay)
    : path_(std::move(path)), pod_(std::move(pod)), delay_(delay) {
  const auto written = runtime::read_file(path_, kMaxMarkBytes);
  if (written && *written == pod_) left_at_ = runtime::TimePoint::min();
}

void Leaving::tell(bool leaving, runtime::TimePoint now) {
  if (leaving == told()) return;
  std::string problem;
  if (leaving) {
    left_at_ = now + delay_;
    if (const auto written = runtime::write_file_durably(path_, pod_); !written) problem = written.error();
  } else {
    left_at_.reset();
    std::error_code error;
    std::filesystem::remove(path_, error);
    if (error) problem = error.message();
  }
  log::info(leaving ? "leaving: after the delay the journal takes no new events" : "not leaving any more");
  if (problem.empty()) return;
  log::warn("after a restart it will not be known whether the pod is to leave", {{"detail", problem}});
}

}  // namespace storagepool::service
