#include "operator/kube/transport/body_pipe.h"

#include <stdexcept>

#include "pool/common/runtime/clock.h"

namespace storagepool::kube {

pplx::task<std::size_t> BodyPipe::put(const std::uint8_t* bytes, std::size_t count) {
  const auto refuse = [](const char* why) {
    return pplx::task_from_exception<std::size_t>(std::make_exception_ptr(std::runtime_error(why)));
  };
  const std::lock_guard lock(mutex_);
  if (abandoned_) return refuse("the response is not wanted any more");
  if (count > kMaxPiece || piece_) return refuse("the response's framing is broken");
  if (most_) {
    if (whole_.size() + count > *most_) {
      error_ = ApiError{.reason = std::string(kReasonTooLarge),
                        .message = "the answer is larger than " + std::to_string(*most_) + " bytes"};
      return refuse("the response is too large");
    }
    whole_.append(reinterpret_cast<const char*>(bytes), count);
    return pplx::task_from_result(count);
  }
  Piece& piece = piece_.emplace();
  piece.bytes.assign(reinterpret_cast<const char*>(bytes), count);
  changed_.notify_all();
  return pplx::create_task(piece.taken);
}

void BodyPipe::head(ResponseHead head) {
  const std::lock_guard lock(mutex_);
  head_ = std::move(head);
  if (!most_) changed_.notify_all();
}

void BodyPipe::end(std::optional<ApiError> error) {
  const std::lock_guard lock(mutex_);
  if (ended_) return;
  ended_ = true;
  if (!error_) error_ = std::move(error);
  changed_.notify_all();
}

BodyPipe::Event BodyPipe::next(std::string& piece, TimePoint deadline, const std::stop_token& stop) {
  Piece got;
  {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_until(lock, stop, deadline, [this] { return (piece_ && head_) || ended_; })) {
      return stop.stop_requested() ? Event::kStopped : Event::kDeadline;
    }
    if (stop.stop_requested()) return Event::kStopped;
    if (runtime::steady_now() >= deadline) return Event::kDeadline;
    if (most_) piece = std::move(whole_);
    if (!piece_) return Event::kEnd;
    got = std::move(*piece_);
    piece_.reset();
  }
  piece = std::move(got.bytes);
  // Not under the lock: what continues may put the next piece on this very thread.
  got.taken.set(piece.size());
  return Event::kPiece;
}

bool BodyPipe::abandon() {
  bool ended = false;
  std::optional<Piece> unwanted;
  {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
    ended = ended_;
    unwanted.swap(piece_);
  }
  if (unwanted) unwanted->taken.set_exception(std::runtime_error("the response is not wanted any more"));
  return ended;
}

ResponseHead BodyPipe::head() const {
  const std::lock_guard lock(mutex_);
  return head_.value_or(ResponseHead{});
}

std::optional<ApiError> BodyPipe::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

}  // namespace storagepool::kube
