// The body of a request, which does not leave this process after a deadline: as long as the server has not
// got it whole, it carries nothing out. A process that was stopped and goes on finds here that its time is
// over (operator/manager/leadership.h). Included only by the translation units that use cpprestsdk.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include <pplx/pplxtasks.h>

#include "operator/kube/transport/plain_buffer.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::kube {

// Read-only. The library goes back to the beginning before it sends a request on another connection.
class RequestBody final : public PlainBuffer {
 public:
  // The deadline is steady-clock time.
  RequestBody(std::string bytes, std::chrono::steady_clock::time_point deadline)
      : PlainBuffer(std::ios_base::in), bytes_(std::move(bytes)), deadline_(deadline) {}

  bool can_seek() const override { return true; }
  bool has_size() const override { return true; }
  utility::size64_t size() const override { return bytes_.size(); }
  size_t in_avail() const override { return bytes_.size() - at_; }
  pos_type getpos(std::ios_base::openmode) const override { return static_cast<off_type>(at_); }
  pos_type seekpos(pos_type position, std::ios_base::openmode) override {
    at_ = std::min(static_cast<std::size_t>(static_cast<off_type>(position)), bytes_.size());
    return static_cast<off_type>(at_);
  }
  pos_type seekoff(off_type offset, std::ios_base::seekdir way, std::ios_base::openmode mode) override {
    if (way == std::ios_base::cur) offset += static_cast<off_type>(at_);
    if (way == std::ios_base::end) offset += static_cast<off_type>(bytes_.size());
    return seekpos(offset, mode);
  }

 protected:
  pplx::task<size_t> _getn(std::uint8_t* to, size_t count) override {
    if (runtime::steady_now() >= deadline_) {
      return pplx::task_from_exception<size_t>(
          std::make_exception_ptr(std::runtime_error("too late to send the request")));
    }
    count = std::min(count, in_avail());
    std::memcpy(to, bytes_.data() + at_, count);
    at_ += count;
    return pplx::task_from_result(count);
  }

 private:
  const std::string bytes_;
  const std::chrono::steady_clock::time_point deadline_;
  std::size_t at_ = 0;
};

}  // namespace storagepool::kube
