// A non-blocking TCP socket with one deadline for whatever is pending on it. Unlike Beast's tcp_stream it
// stays open when the deadline passes, so that a late client can still be told (408). Used on its executor
// only.
//
// A deadline is set or cleared several times per request and passes almost never, so the timer is started
// anew only when the deadline moves to before the timer's end; otherwise it looks when it ends what has
// become of the deadline.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

namespace storagepool::http {

class TimedSocket : public std::enable_shared_from_this<TimedSocket> {
 public:
  explicit TimedSocket(boost::asio::ip::tcp::socket socket);

  boost::asio::ip::tcp::socket& socket() { return socket_; }

  // From `duration` from now on, reads and writes end with operation_aborted, until the deadline is set again
  // or cleared.
  void set_deadline(std::chrono::steady_clock::duration duration);
  void clear_deadline();
  bool expired() const { return expired_; }

  // Closes the socket; pending operations end with operation_aborted.
  void close();

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr TimePoint kNever = TimePoint::max();

  void start_timer(TimePoint end);
  void timer_ended();

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  TimePoint deadline_ = kNever;
  TimePoint timer_end_ = kNever;  // kNever: it is not running
  std::uint64_t generation_ = 0;  // a timer that ended just before it was started anew must not count
  bool expired_ = false;
};

}  // namespace storagepool::http
