// Cuts a byte stream that arrives in arbitrary pieces into lines. A line longer than the limit is an error,
// so that a server cannot make the operator hold more than that.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace storagepool::kube {

class LineFramer {
 public:
  enum class Result { kMore, kStopped, kTooLong };

  explicit LineFramer(std::size_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}

  // Hands each line that `bytes` completes to `on_line`, without "\n" or "\r\n"; empty lines are left out.
  // kStopped: `on_line` returned false, what follows is dropped.
  Result feed(std::string_view bytes, const std::function<bool(std::string_view)>& on_line);
  // Bytes of a line that has not ended yet.
  std::size_t pending() const { return pending_.size(); }

 private:
  std::size_t max_line_bytes_;
  std::string pending_;
};

}  // namespace storagepool::kube
