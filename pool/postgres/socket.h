// The readiness side of a libpq socket for Asio, private to this folder. It owns a duplicate of the
// descriptor, so that the connection can still be watched until the server closes its end after libpq has
// closed its own. All waits of one statement share one deadline: `arm`, any number of `wait`, `disarm`. Use
// from a serial executor, which need not be the same for each statement.
//
// The timer is not set for each statement: it goes off every kLook while there are statements, and looks
// whether the one that is under way has its deadline before it would look again. So a statement costs no
// timer, and a loop that has nothing else to do ends within kLook.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "pool/postgres/connection.h"

namespace storagepool::postgres {

class Socket {
 public:
  static constexpr std::chrono::milliseconds kLook{100};
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
  struct State : std::enable_shared_from_this<State> {
    State(const boost::asio::any_io_executor& executor, int descriptor);
    void forget_writing();
    void set_timer();
    void on_timer();
    boost::asio::posix::stream_descriptor descriptor;
    bool expired = false;
    std::mutex mutex;  // guards what follows: the timer goes off beside whoever uses the session
    boost::asio::steady_timer timer;
    Deadline timer_at = Deadline::max();  // when it goes off; max: never
    Deadline deadline = Deadline::max();  // of the statement under way; max: there is none
    boost::asio::any_io_executor serial;  // of its coroutine
    std::uint64_t armed = 0;              // counts statements
  };
  std::shared_ptr<State> state_;
};

}  // namespace storagepool::postgres
