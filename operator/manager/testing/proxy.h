// A proxy for TCP connections that can be made half-open: they stay, and nothing comes through any more, as
// after a load balancer or a firewall forgot them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>  // for Asio
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace storagepool::manager::testing {

class Proxy {
 public:
  // To `port` of this machine.
  explicit Proxy(std::uint16_t port);
  ~Proxy();

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  // That have come through, both ways.
  std::int64_t bytes() const { return bytes_; }
  // Nothing comes through the connections of now; those that follow are served. How many they are.
  int cut();

 private:
  using Socket = boost::asio::ip::tcp::socket;
  struct Connection {
    explicit Connection(boost::asio::io_context& loop) : near(loop), far(loop) {}
    Socket near;
    Socket far;
    std::atomic<bool> cut = false;
    std::atomic<bool> over = false;
  };
  boost::asio::awaitable<void> accept();
  boost::asio::awaitable<void> serve(std::shared_ptr<Connection> connection);
  static void end(Connection& connection);
  boost::asio::awaitable<void> copy(std::shared_ptr<Connection> connection, Socket& from, Socket& to);

  boost::asio::ip::tcp::endpoint target_;
  boost::asio::io_context loop_{1};
  boost::asio::ip::tcp::acceptor acceptor_;
  std::atomic<std::int64_t> bytes_{0};
  std::mutex mutex_;
  std::vector<std::shared_ptr<Connection>> connections_;
  std::jthread thread_;
};

}  // namespace storagepool::manager::testing
