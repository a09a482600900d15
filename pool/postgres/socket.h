// The readiness side of a libpq socket for Asio, private to this folder. It owns a duplicate of the
// descriptor, so that the connection can still be watched until the server closes its end after libpq has
// closed its own. All waits of one statement share one deadline: `arm`, any number of `wait`, `disarm`. Use
// from a serial executor.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "pool/postgres/connection.h"

namespace storagepool::postgres {

class Socket {
 public:
  using Wait = boost::asio::posix::stream_descriptor::wait_type;

  // Duplicates `descriptor`; throws std::system_error when the process has none left.
  Socket(const boost::asio::any_io_executor& executor, int descriptor);

  // `serial` is the executor of the awaiting coroutine.
  void arm(const boost::asio::any_io_executor& serial, Deadline deadline);
  void disarm();
  bool expired() const { return state_->expired; }
  // False when the deadline has passed.
  boost::asio::awaitable<bool> wait(Wait what);

  int descriptor() const { return state_->descriptor.native_handle(); }  // for `poll` only
  bool readable_now() const;
  // Reset, or given up by the network's time-outs: no end of the other side has come (RFC 9293, 3.3.2:
  // CLOSED).
  bool aborted() const;
  // Closes our direction and reads until the server closes its own; true when it did by the deadline.
  boost::asio::awaitable<bool> await_end(Deadline deadline);

 private:
  struct State {
    State(const boost::asio::any_io_executor& executor, int descriptor);
    void forget_writing();
    boost::asio::posix::stream_descriptor descriptor;
    boost::asio::steady_timer timer;
    std::uint64_t armed = 0;  // which arming the timer belongs to
    bool expired = false;
  };
  std::shared_ptr<State> state_;
};

}  // namespace storagepool::postgres
