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

#include <cpprest/astreambuf.h>
#include <pplx/pplxtasks.h>

#include "pool/common/runtime/clock.h"

namespace storagepool::kube {

// Read-only. The library goes back to the beginning before it sends a request on another connection.
class RequestBody final : public Concurrency::streams::details::streambuf_state_manager<std::uint8_t> {
 public:
  // The deadline is steady-clock time.
  RequestBody(std::string bytes, std::chrono::steady_clock::time_point deadline)
      : streambuf_state_manager<std::uint8_t>(std::ios_base::in),
        bytes_(std::move(bytes)),
        deadline_(deadline) {}

  bool can_seek() const override { return true; }
  bool has_size() const override { return true; }
  utility::size64_t size() const override { return bytes_.size(); }
  size_t buffer_size(std::ios_base::openmode) const override { return 0; }
  void set_buffer_size(size_t, std::ios_base::openmode) override {}
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
  // Nothing by reference: each piece is taken in time.
  bool acquire(std::uint8_t*& bytes, size_t& count) override {
    bytes = nullptr;
    count = 0;
    return false;
  }
  void release(std::uint8_t*, size_t) override {}

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
  size_t _scopy(std::uint8_t*, size_t) override { return 0; }
  pplx::task<int_type> _putc(std::uint8_t) override { return end_of_file(); }
  pplx::task<size_t> _putn(const std::uint8_t*, size_t) override { return pplx::task_from_result<size_t>(0); }
  pplx::task<int_type> _bumpc() override { return end_of_file(); }
  int_type _sbumpc() override { return traits::eof(); }
  pplx::task<int_type> _getc() override { return end_of_file(); }
  int_type _sgetc() override { return traits::eof(); }
  pplx::task<int_type> _nextc() override { return end_of_file(); }
  pplx::task<int_type> _ungetc() override { return end_of_file(); }
  pplx::task<bool> _sync() override { return pplx::task_from_result(true); }
  std::uint8_t* _alloc(size_t) override { return nullptr; }
  void _commit(size_t) override {}

 private:
  static pplx::task<int_type> end_of_file() { return pplx::task_from_result<int_type>(traits::eof()); }

  const std::string bytes_;
  const std::chrono::steady_clock::time_point deadline_;
  std::size_t at_ = 0;
};

}  // namespace storagepool::kube
