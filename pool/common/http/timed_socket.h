// A non-blocking TCP socket, with TLS over it or without, and one deadline for whatever is pending on it.
// Unlike Beast's tcp_stream it stays open when the deadline passes, so that a late client can still be told
// (408). Used on its executor only, but for ended_by_peer(); one read and one write at a time.
//
// A deadline is set or cleared several times per request and passes almost never, so the timer is started
// anew only when the deadline moves to before the timer's end; otherwise it looks when it ends what has
// become of the deadline.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "pool/common/http/tls.h"

namespace storagepool::http {

// Whether a handshake failed because its first bytes are a request in clear text.
bool is_clear_text(const boost::system::error_code& error);

class TimedSocket : public std::enable_shared_from_this<TimedSocket> {
 public:
  using Parts = std::array<boost::asio::const_buffer, 2>;

  // With `tls`, handshake() comes before everything else.
  explicit TimedSocket(boost::asio::ip::tcp::socket socket, std::shared_ptr<const TlsContext> tls = nullptr);
  ~TimedSocket();
  TimedSocket(const TimedSocket&) = delete;
  TimedSocket& operator=(const TimedSocket&) = delete;

  boost::asio::ip::tcp::socket& socket() { return socket_; }

  bool encrypted() const { return tls_ != nullptr; }
  boost::asio::awaitable<void> handshake(boost::system::error_code& error);
  // Of the client, see peer_certificate_name(); empty before the handshake and without TLS.
  const std::string& peer_certificate() const { return peer_certificate_; }

  // At least one byte, or an error.
  boost::asio::awaitable<std::size_t> read_some(boost::asio::mutable_buffer buffer,
                                                boost::system::error_code& error);
  boost::asio::awaitable<std::size_t> write_some(const Parts& parts, boost::system::error_code& error);
  // Whether all of it could be sent without waiting; `parts` become what is left. With TLS nothing is.
  bool write_at_once(Parts& parts, boost::system::error_code& error);
  // All of it, and `parts` become what is left after an error.
  boost::asio::awaitable<void> write(Parts& parts, boost::system::error_code& error);
  // Something has come that was not read yet.
  bool unread_bytes();
  // The peer sends nothing more, or is not there any more. Thread-safe.
  bool ended_by_peer();
  // Says that nothing more is sent. What still comes is to be read from socket(), to be thrown away.
  boost::asio::awaitable<void> end_output();

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
  struct Tls;

  void start_timer(TimePoint end);
  void timer_ended();

  boost::asio::ip::tcp::socket socket_;
  std::unique_ptr<Tls> tls_;  // null: without
  std::string peer_certificate_;
  boost::asio::steady_timer timer_;
  TimePoint deadline_ = kNever;
  TimePoint timer_end_ = kNever;  // kNever: it is not running
  std::uint64_t generation_ = 0;  // a timer that ended just before it was started anew must not count
  bool expired_ = false;
  std::mutex closing_;
};

}  // namespace storagepool::http
