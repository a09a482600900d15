// Where a response's body meets the caller: the HTTP library's thread puts in one piece at a time and does
// not read on before the blocked caller has taken it, so that a fast server never fills the operator's
// memory. Included only by the translation units that use cpprestsdk.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include <cpprest/astreambuf.h>
#include <pplx/pplxtasks.h>

#include "operator/kube/transport/error.h"

namespace storagepool::kube {

struct ResponseHead {
  int status = 0;
  std::string retry_after = {};
};

class BodyPipe {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  enum class Event { kPiece, kEnd, kDeadline, kStopped };

  // From the library's threads.
  pplx::task<std::size_t> put(const std::uint8_t* bytes, std::size_t count);
  void head(ResponseHead head);
  void end(std::optional<ApiError> error);

  // From the caller's thread: the next piece, or why there is none. The deadline is steady-clock time. No
  // piece comes before the head, which the library tells on another thread than the body.
  Event next(std::string& piece, TimePoint deadline, const std::stop_token& stop);
  // The caller is gone: what still comes is refused. True: nothing will come, the response had ended.
  bool abandon();
  // Known once a piece came or the response ended without an error.
  ResponseHead head() const;
  std::optional<ApiError> error() const;

 private:
  // A piece beyond this is not the server's doing but the library's arithmetic on a bad chunk size: never
  // copied.
  static constexpr std::size_t kMaxPiece = 64u << 20;

  struct Piece {
    std::string bytes;
    pplx::task_completion_event<std::size_t> taken;  // lets the library read on
  };

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<ResponseHead> head_;
  std::optional<Piece> piece_;
  bool ended_ = false;
  bool abandoned_ = false;
  std::optional<ApiError> error_;
};

// The pipe as the library's stream buffer, write-only.
class BodyPipeBuffer final : public Concurrency::streams::details::streambuf_state_manager<std::uint8_t> {
 public:
  explicit BodyPipeBuffer(std::shared_ptr<BodyPipe> pipe)
      : streambuf_state_manager<std::uint8_t>(std::ios_base::out), pipe_(std::move(pipe)) {}

  bool can_seek() const override { return false; }
  bool has_size() const override { return false; }
  size_t buffer_size(std::ios_base::openmode) const override { return 0; }
  void set_buffer_size(size_t, std::ios_base::openmode) override {}
  size_t in_avail() const override { return 0; }
  pos_type getpos(std::ios_base::openmode) const override { return traits::eof(); }
  pos_type seekpos(pos_type, std::ios_base::openmode) override { return traits::eof(); }
  pos_type seekoff(off_type, std::ios_base::seekdir, std::ios_base::openmode) override {
    return traits::eof();
  }
  bool acquire(std::uint8_t*& bytes, size_t& count) override {
    bytes = nullptr;
    count = 0;
    return false;
  }
  void release(std::uint8_t*, size_t) override {}

 protected:
  pplx::task<int_type> _putc(std::uint8_t byte) override {
    return pipe_->put(&byte, 1).then([byte](std::size_t) { return static_cast<int_type>(byte); });
  }
  pplx::task<size_t> _putn(const std::uint8_t* bytes, size_t count) override {
    return pipe_->put(bytes, count);
  }
  pplx::task<int_type> _bumpc() override { return end_of_file(); }
  int_type _sbumpc() override { return traits::eof(); }
  pplx::task<int_type> _getc() override { return end_of_file(); }
  int_type _sgetc() override { return traits::eof(); }
  pplx::task<int_type> _nextc() override { return end_of_file(); }
  pplx::task<int_type> _ungetc() override { return end_of_file(); }
  pplx::task<size_t> _getn(std::uint8_t*, size_t) override { return pplx::task_from_result<size_t>(0); }
  size_t _scopy(std::uint8_t*, size_t) override { return 0; }
  pplx::task<bool> _sync() override { return pplx::task_from_result(true); }
  std::uint8_t* _alloc(size_t) override { return nullptr; }
  void _commit(size_t) override {}

 private:
  static pplx::task<int_type> end_of_file() { return pplx::task_from_result<int_type>(traits::eof()); }

  std::shared_ptr<BodyPipe> pipe_;
};

}  // namespace storagepool::kube
