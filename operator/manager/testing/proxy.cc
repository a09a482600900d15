#include "operator/manager/testing/proxy.h"

#include <array>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "pool/common/runtime/loop/coroutine.h"

namespace storagepool::manager::testing {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

}  // namespace

Proxy::Proxy(std::uint16_t port)
    : target_(asio::ip::address_v4::loopback(), port),
      acceptor_(loop_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
  runtime::spawn(loop_.get_executor(), "accepting", accept());
  thread_ = std::jthread([this] { loop_.run(); });
}

Proxy::~Proxy() {
  loop_.stop();
  thread_.join();
}

int Proxy::cut() {
  const std::lock_guard lock(mutex_);
  int open = 0;
  for (const auto& connection : connections_) open += !connection->over && !connection->cut.exchange(true);
  return open;
}

asio::awaitable<void> Proxy::accept() {
  for (;;) {
    auto connection = std::make_shared<Connection>(loop_);
    co_await acceptor_.async_accept(connection->near, asio::use_awaitable);
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(connections_, [](const auto& known) { return known->over && !known->cut; });
      connections_.push_back(connection);
    }
    runtime::spawn(loop_.get_executor(), "serving", serve(std::move(connection)));
  }
}

asio::awaitable<void> Proxy::serve(std::shared_ptr<Connection> connection) {
  error_code error;
  co_await connection->far.async_connect(target_, asio::redirect_error(asio::use_awaitable, error));
  if (error) {
    end(*connection);
    co_return;
  }
  runtime::spawn(loop_.get_executor(), "answering", copy(connection, connection->far, connection->near));
  co_await copy(connection, connection->near, connection->far);
}

// What is cut is read on and leads nowhere, so that no side learns of it.
asio::awaitable<void> Proxy::copy(std::shared_ptr<Connection> connection, Socket& from, Socket& to) {
  std::array<char, 16384> buffer;
  for (;;) {
    error_code error;
    const std::size_t got =
        co_await from.async_read_some(asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, error));
    if (!error && !connection->cut) {
      bytes_ += static_cast<std::int64_t>(got);
      co_await asio::async_write(to, asio::buffer(buffer.data(), got),
                                 asio::redirect_error(asio::use_awaitable, error));
    }
    if (error) break;
  }
  if (!connection->cut) end(*connection);
}

void Proxy::end(Connection& connection) {
  connection.over = true;
  error_code ignored;
  connection.near.close(ignored);
  connection.far.close(ignored);
}

}  // namespace storagepool::manager::testing
