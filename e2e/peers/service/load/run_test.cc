#include "e2e/peers/service/load/run.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

namespace storagepool::load {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

// Answers what has no body, and counts the requests of each connection.
class Counting {
 public:
  Counting() : acceptor_(context_, {asio::ip::address_v4::loopback(), 0}) {
    accept();
    thread_ = std::jthread([this] { context_.run(); });
  }
  ~Counting() { context_.stop(); }

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  std::vector<std::size_t> stop() {
    context_.stop();
    thread_.join();
    std::vector<std::size_t> counts;
    for (const auto& client : clients_) counts.push_back(client->requests);
    return counts;
  }

 private:
  struct Client {
    explicit Client(tcp::socket accepted) : socket(std::move(accepted)) {}
    tcp::socket socket;
    std::array<char, 4096> buffer{};
    std::string received;
    std::size_t requests = 0;
  };

  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
      if (error) return;
      clients_.push_back(std::make_unique<Client>(std::move(socket)));
      read(*clients_.back());
      accept();
    });
  }

  void read(Client& client) {
    client.socket.async_read_some(
        asio::buffer(client.buffer), [this, &client](const auto& error, std::size_t count) {
          if (error) return;
          constexpr std::string_view kEnd = "\r\n\r\n";
          client.received.append(client.buffer.data(), count);
          while (const std::size_t end = client.received.find(kEnd) + 1) {
            client.received.erase(0, end - 1 + kEnd.size());
            ++client.requests;
            asio::write(client.socket, asio::buffer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 38));
          }
          read(client);
        });
  }

  asio::io_context context_;
  tcp::acceptor acceptor_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::jthread thread_;
};

// Whoever is left out for long has its connection closed by the service, and is no user.
TEST(RunTest, RequestsOfARateAreTheClientsInTurn) {
  constexpr unsigned kClients = 10;
  constexpr std::uint64_t kEach = 20;
  Counting service;
  RunOptions options;
  options.requests = {.kind = Kind::kList, .prefix = "read", .correlations = 1};
  options.port = service.port();
  options.clients = kClients;
  options.time = 30s;
  options.most_requests = kClients * kEach;
  options.rate = 1000;
  const Figures figures = run(options);
  ASSERT_EQ(figures.answered, options.most_requests) << figures.first_problem;
  const auto counts = service.stop();
  ASSERT_EQ(counts.size(), kClients);
  EXPECT_GE(*std::ranges::min_element(counts), kEach / 2);
}

}  // namespace
}  // namespace storagepool::load
