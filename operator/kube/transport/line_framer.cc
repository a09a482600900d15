#include "operator/kube/transport/line_framer.h"

namespace storagepool::kube {

LineFramer::Result LineFramer::feed(std::string_view bytes,
                                    const std::function<bool(std::string_view)>& on_line) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (pending_.size() + part.size() > max_line_bytes_) return Result::kTooLong;
    if (end == std::string_view::npos) {
      pending_.append(part);
      return Result::kMore;
    }
    bytes.remove_prefix(end + 1);
    std::string_view line = part;
    if (!pending_.empty()) {
      pending_.append(part);
      line = pending_;
    }
    if (line.ends_with('\r')) line.remove_suffix(1);
    const bool go_on = line.empty() || on_line(line);
    // An object of megabytes must not pin its buffer for the hours a watch lives.
    if (pending_.capacity() > (256u << 10)) {
      pending_ = std::string();
    } else {
      pending_.clear();
    }
    if (!go_on) return Result::kStopped;
  }
  return Result::kMore;
}

}  // namespace storagepool::kube
