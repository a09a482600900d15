// A network between one client and the server that carries bytes both ways but not the end of the connection:
// when the server closes, the client's side stays open, as behind a load balancer that has lost the server's
// last segment.
#pragma once

#include <array>
#include <cstdint>
#include <thread>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace storagepool::postgres::testing {

class Relay {
 public:
  explicit Relay(std::uint16_t server_port)
      : acceptor_(context_, {boost::asio::ip::address_v4::loopback(), 0}),
        client_(context_),
        server_(context_) {
    boost::asio::co_spawn(context_, serve(server_port), boost::asio::detached);
    thread_ = std::thread([this] { context_.run(); });
  }
  ~Relay() {
    context_.stop();
    thread_.join();
  }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  using Socket = boost::asio::ip::tcp::socket;

  boost::asio::awaitable<void> serve(std::uint16_t server_port) {
    client_ = co_await acceptor_.async_accept(boost::asio::use_awaitable);
    co_await server_.async_connect({boost::asio::ip::address_v4::loopback(), server_port},
                                   boost::asio::use_awaitable);
    boost::asio::co_spawn(context_, carry(client_, server_), boost::asio::detached);
    co_await carry(server_, client_);
  }
  static boost::asio::awaitable<void> carry(Socket& from, Socket& to) {
    std::array<char, 4096> bytes{};
    boost::system::error_code error;
    while (!error) {
      const std::size_t read = co_await from.async_read_some(
          boost::asio::buffer(bytes), boost::asio::redirect_error(boost::asio::use_awaitable, error));
      if (!error) {
        co_await boost::asio::async_write(to, boost::asio::buffer(bytes, read),
                                          boost::asio::redirect_error(boost::asio::use_awaitable, error));
      }
    }
  }

  boost::asio::io_context context_{1};
  boost::asio::ip::tcp::acceptor acceptor_;
  Socket client_;
  Socket server_;
  std::thread thread_;
};

}  // namespace storagepool::postgres::testing
