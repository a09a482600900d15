#include "pool/postgres/socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pool/common/runtime/clock.h"

namespace storagepool::postgres {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

int duplicate(int descriptor) {
  const int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw std::system_error(errno, std::generic_category(), "duplicating a socket");
  return copy;
}

}  // namespace

Socket::State::State(const asio::any_io_executor& executor, int fd)
    : descriptor(executor, duplicate(fd)), timer(executor) {}

// Once it has waited for writing Asio goes on asking for it, and as that is possible at nearly any time,
// every later wait for an answer would begin with a turn of the loop in vain.
void Socket::State::forget_writing() {
  error_code failed;
  const int fd = descriptor.release();
  descriptor.assign(fd, failed);
  if (failed) ::close(fd);  // waits fail from now on, as those for a connection that was lost
}

Socket::Socket(const asio::any_io_executor& executor, int descriptor)
    : state_(std::make_shared<State>(executor, descriptor)) {}

// REQUIRES: the mutex.
void Socket::State::set_timer() {
  timer_at = std::min(deadline, runtime::steady_now() + kLook);
  timer.expires_at(timer_at);
  // The timer of a session that is gone keeps nothing of it.
  timer.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (!error && self) self->on_timer();
  });
}

void Socket::State::on_timer() {
  const std::lock_guard lock(mutex);
  timer_at = Deadline::max();
  if (deadline == Deadline::max()) return;
  if (deadline > runtime::steady_now()) return set_timer();
  asio::post(serial, [self = shared_from_this(), id = armed] {
    {
      const std::lock_guard still(self->mutex);
      if (self->armed != id) return;
    }
    self->expired = true;
    error_code ignored;
    self->descriptor.cancel(ignored);
  });
}

void Socket::arm(const asio::any_io_executor& serial, Deadline deadline) {
  state_->expired = false;
  const std::lock_guard lock(state_->mutex);
  ++state_->armed;
  state_->serial = serial;
  state_->deadline = deadline;
  if (deadline < state_->timer_at) state_->set_timer();
}

void Socket::disarm() {
  const std::lock_guard lock(state_->mutex);
  ++state_->armed;
  state_->deadline = Deadline::max();
  state_->serial = {};  // which may end with its context
}

asio::awaitable<bool> Socket::wait(Wait what) {
  const auto state = state_;
  if (state->expired) co_return false;
  error_code error;
  co_await state->descriptor.async_wait(what, asio::redirect_error(asio::use_awaitable, error));
  if (what == Wait::wait_write) state->forget_writing();
  co_return !state->expired && !error;
}

bool Socket::readable_now() const {
  pollfd entry{state_->descriptor.native_handle(), POLLIN | POLLRDHUP, 0};
  return poll(&entry, 1, 0) > 0;
}

bool Socket::aborted() const {
  tcp_info info{};
  socklen_t size = sizeof info;
  const int descriptor = state_->descriptor.native_handle();
  return getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == TCP_CLOSE;
}

asio::awaitable<bool> Socket::await_end(Deadline deadline) {
  const auto state = state_;
  Socket self(*this);
  shutdown(state->descriptor.native_handle(), SHUT_WR);
  self.arm(co_await asio::this_coro::executor, deadline);
  std::array<char, 16384> discarded;
  bool ended = false;
  while (!ended && !state->expired) {
    error_code error;
    co_await state->descriptor.async_read_some(asio::buffer(discarded),
                                               asio::redirect_error(asio::use_awaitable, error));
    // Anything but our own cancellation (end of file, reset, time-out of the network) ends the connection.
    ended = error && error != asio::error::operation_aborted;
  }
  self.disarm();
  co_return ended;
}

}  // namespace storagepool::postgres
