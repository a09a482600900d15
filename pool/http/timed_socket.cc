#include "pool/http/timed_socket.h"

namespace storagepool::http {
namespace {

// A cancel misses an operation that starts right after it (the next read of a composed one), so it is
// repeated.
constexpr std::chrono::milliseconds kCancelAgain{20};

}  // namespace

TimedSocket::TimedSocket(boost::asio::ip::tcp::socket socket)
    : socket_(std::move(socket)), timer_(socket_.get_executor()) {}

void TimedSocket::set_deadline(std::chrono::steady_clock::duration duration) {
  ++generation_;
  expired_ = false;
  timer_.expires_after(duration);
  wait();
}

void TimedSocket::clear_deadline() {
  ++generation_;
  expired_ = false;
  timer_.cancel();
}

void TimedSocket::close() {
  clear_deadline();
  boost::system::error_code ignored;  // the descriptor is gone whatever close(2) says
  socket_.close(ignored);
}

void TimedSocket::wait() {
  timer_.async_wait(
      [self = shared_from_this(), generation = generation_](const boost::system::error_code& error) {
        if (error || generation != self->generation_) return;
        self->expired_ = true;
        boost::system::error_code ignored;  // only a closed socket refuses, which is as good
        self->socket_.cancel(ignored);
        self->timer_.expires_after(kCancelAgain);
        self->wait();
      });
}

}  // namespace storagepool::http
