// A network between clients and the server that carries bytes both ways, and can be cut after any of them.
// With `Ends::kKept` it does not carry the end of a connection: when the server closes, the client's side
// stays open, as behind a load balancer that has lost the server's last segment.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <future>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace storagepool::postgres::testing {

class Relay {
 public:
  enum class Ends { kKept, kCarried };
  enum Direction : std::size_t { kToServer, kToClient };
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  using Endpoint = boost::asio::ip::tcp::endpoint;

  explicit Relay(std::uint16_t server_port, Ends ends = Ends::kKept,
                 const Endpoint& listen = {boost::asio::ip::address_v4::loopback(), 0})
      : ends_(ends), server_port_(server_port), acceptor_(context_, listen) {
    boost::asio::co_spawn(context_, serve(), boost::asio::detached);
    thread_ = std::thread([this] { context_.run(); });
  }
  ~Relay() {
    context_.stop();
    thread_.join();
  }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  // Of all connections.
  std::int64_t carried(Direction direction) const { return carried_[direction]; }
  // The connection that wants to carry more than `bytes` from now on is closed, once. No cut is pending then.
  void cut_after(Direction direction, std::int64_t bytes) { left_[direction] = bytes; }
  // What lies in between forgets the connections that there are: clients are told so by a reset, the server
  // is not told.
  void forget() {
    std::promise<void> done;
    boost::asio::post(context_, [&] {
      for (const auto& weak : pairs_) {
        const auto pair = weak.lock();
        if (!pair || !pair->client.is_open()) continue;
        forgotten_.push_back(pair);
        pair->forgotten = true;
        boost::system::error_code error;
        pair->client.set_option(Socket::linger(true, 0), error);
        pair->client.close(error);
      }
      pairs_.clear();
      done.set_value();
    });
    done.get_future().wait();
  }
  // Where later connections lead.
  void lead_to(std::uint16_t server_port) { server_port_ = server_port; }

 private:
  using Socket = boost::asio::ip::tcp::socket;
  struct Pair {
    explicit Pair(boost::asio::io_context& context) : client(context), server(context) {}
    Socket client;
    Socket server;
    bool forgotten = false;
  };

  boost::asio::awaitable<void> serve() {
    for (;;) {
      auto pair = std::make_shared<Pair>(context_);
      co_await acceptor_.async_accept(pair->client, boost::asio::use_awaitable);
      boost::system::error_code refused;
      co_await pair->server.async_connect({boost::asio::ip::address_v4::loopback(), server_port_},
                                          boost::asio::redirect_error(boost::asio::use_awaitable, refused));
      if (refused) continue;
      pairs_.push_back(pair);
      boost::asio::co_spawn(context_, carry(pair, kToServer), boost::asio::detached);
      boost::asio::co_spawn(context_, carry(pair, kToClient), boost::asio::detached);
    }
  }
  boost::asio::awaitable<void> carry(std::shared_ptr<Pair> pair, Direction direction) {
    Socket& from = direction == kToServer ? pair->client : pair->server;
    Socket& to = direction == kToServer ? pair->server : pair->client;
    std::array<char, 4096> bytes{};
    boost::system::error_code error;
    while (!error) {
      const std::size_t read = co_await from.async_read_some(
          boost::asio::buffer(bytes), boost::asio::redirect_error(boost::asio::use_awaitable, error));
      const auto wanted = static_cast<std::int64_t>(read);
      const std::int64_t left = left_[direction];
      const bool cuts = !error && left < wanted;
      const std::int64_t allowed = cuts ? left : wanted;
      carried_[direction] += allowed;  // before whoever receives them can ask how many they were
      if (!error) {
        co_await boost::asio::async_write(to, boost::asio::buffer(bytes, static_cast<std::size_t>(allowed)),
                                          boost::asio::redirect_error(boost::asio::use_awaitable, error));
      }
      if (cuts) {
        left_[direction] = kNever;
        pair->client.close(error);
        pair->server.close(error);
        co_return;
      }
      if (left != kNever) left_[direction] = left - allowed;
    }
    if (ends_ == Ends::kCarried && !pair->forgotten && to.is_open())
      to.shutdown(Socket::shutdown_send, error);
  }

  const Ends ends_;
  boost::asio::io_context context_{1};
  std::atomic<std::uint16_t> server_port_;
  std::array<std::atomic<std::int64_t>, 2> carried_{};
  std::array<std::atomic<std::int64_t>, 2> left_{kNever, kNever};
  boost::asio::ip::tcp::acceptor acceptor_;
  std::vector<std::weak_ptr<Pair>> pairs_;
  std::vector<std::shared_ptr<Pair>> forgotten_;  // their server's side is open as long as this is
  std::thread thread_;
};

}  // namespace storagepool::postgres::testing
