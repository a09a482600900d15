// Where a response's body meets the caller. Piece by piece: the HTTP library's thread puts in one and does
// not read on before the blocked caller has taken it, so that a fast server never fills the operator's
// memory. Or whole: the library's thread collects up to so many bytes, and the caller is woken once, at the
// end. Included only by the translation units that use cpprestsdk.
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

#include <pplx/pplxtasks.h>

#include "operator/kube/transport/error.h"
#include "operator/kube/transport/plain_buffer.h"

namespace storagepool::kube {

struct ResponseHead {
  int status = 0;
  std::string retry_after = {};
  bool gzip = false;  // the body is
};

class BodyPipe {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  enum class Event { kPiece, kEnd, kDeadline, kStopped };

  BodyPipe() = default;
  // Whole, of at most so many bytes.
  explicit BodyPipe(std::size_t most) : most_(most) {}

  // From the library's threads.
  pplx::task<std::size_t> put(const std::uint8_t* bytes, std::size_t count);
  void head(ResponseHead head);
  void end(std::optional<ApiError> error);

  // From the caller's thread: the next piece, or why there is none; of a body as a whole kEnd with all of it.
  // The deadline is steady-clock time. No piece comes before the head, which the library tells on another
  // thread than the body.
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

  const std::optional<std::size_t> most_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::string whole_;
  std::optional<ResponseHead> head_;
  std::optional<Piece> piece_;
  bool ended_ = false;
  bool abandoned_ = false;
  std::optional<ApiError> error_;
};

// The pipe as the library's stream buffer, write-only.
class BodyPipeBuffer final : public PlainBuffer {
 public:
  explicit BodyPipeBuffer(std::shared_ptr<BodyPipe> pipe)
      : PlainBuffer(std::ios_base::out), pipe_(std::move(pipe)) {}

 protected:
  pplx::task<int_type> _putc(std::uint8_t byte) override {
    return pipe_->put(&byte, 1).then([byte](std::size_t) { return static_cast<int_type>(byte); });
  }
  pplx::task<size_t> _putn(const std::uint8_t* bytes, size_t count) override {
    return pipe_->put(bytes, count);
  }

 private:
  std::shared_ptr<BodyPipe> pipe_;
};

}  // namespace storagepool::kube
