#include "pool/common/http/timed_socket.h"

#include "pool/common/runtime/clock.h"

namespace storagepool::http {
namespace {

// A cancel misses an operation that starts right after it (the next read of a composed one), so it is
// repeated.
constexpr std::chrono::milliseconds kCancelAgain{20};

}  // namespace

TimedSocket::TimedSocket(boost::asio::ip::tcp::socket socket)
    : socket_(std::move(socket)), timer_(socket_.get_executor()) {
  boost::system::error_code ignored;  // a descriptor that cannot be set fails on the first read
  socket_.non_blocking(true, ignored);
}

void TimedSocket::set_deadline(std::chrono::steady_clock::duration duration) {
  expired_ = false;
  deadline_ = runtime::steady_now() + duration;
  if (deadline_ < timer_end_) start_timer(deadline_);
}

void TimedSocket::clear_deadline() {
  expired_ = false;
  deadline_ = kNever;
}

void TimedSocket::close() {
  clear_deadline();
  ++generation_;
  timer_end_ = kNever;
  timer_.cancel();
  boost::system::error_code ignored;  // the descriptor is gone whatever close(2) says
  socket_.close(ignored);
}

void TimedSocket::start_timer(TimePoint end) {
  timer_end_ = end;
  timer_.expires_at(end);
  timer_.async_wait(
      [self = shared_from_this(), generation = ++generation_](const boost::system::error_code& error) {
        if (!error && generation == self->generation_) self->timer_ended();
      });
}

void TimedSocket::timer_ended() {
  timer_end_ = kNever;
  if (deadline_ == kNever) return;
  const TimePoint now = runtime::steady_now();
  if (now < deadline_) {
    start_timer(deadline_);
    return;
  }
  expired_ = true;
  boost::system::error_code ignored;  // only a closed socket refuses, which is as good
  socket_.cancel(ignored);
  start_timer(now + kCancelAgain);
}

}  // namespace storagepool::http
