// An HTTP server for tests that says whatever a test wants said, well-formed or not: each connection on the
// loopback interface is read up to the end of a request's header and then given to the test's function with
// its own thread.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace storagepool::kube {

class LoopbackConnection {
 public:
  explicit LoopbackConnection(int socket) : socket_(socket) {}
  // False: the other side is gone.
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // The other side finds the end after what was sent.
  void end() const { ::shutdown(socket_, SHUT_WR); }
  // Until the other side closes.
  void wait_for_close() const {
    char byte = 0;
    while (::recv(socket_, &byte, 1, 0) > 0) {
    }
  }
  // What comes next; empty: the other side is gone.
  std::string receive_some() const {
    char buffer[4096];
    const auto got = ::recv(socket_, buffer, sizeof buffer, 0);
    return got <= 0 ? "" : std::string(buffer, static_cast<std::size_t>(got));
  }
  // The request's header, and what came with it of its body.
  std::string receive() const {
    std::string request;
    for (std::string more = "-"; !more.empty() && request.find("\r\n\r\n") == std::string::npos;) {
      more = receive_some();
      request += more;
    }
    return request;
  }

 private:
  int socket_;
};

class LoopbackServer {
 public:
  using Handler = std::function<void(const LoopbackConnection&, const std::string& request)>;

  explicit LoopbackServer(Handler handler, bool v6 = false) : v6_(v6), handler_(std::move(handler)) {
    listener_ = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_addr = in6addr_loopback;
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* address = v6 ? reinterpret_cast<sockaddr*>(&six) : reinterpret_cast<sockaddr*>(&four);
    socklen_t size = v6 ? sizeof six : sizeof four;
    if (::bind(listener_, address, size) != 0 || ::listen(listener_, 16) != 0) {
      ::close(listener_);
      throw std::runtime_error("cannot listen on the loopback interface");
    }
    ::getsockname(listener_, address, &size);
    port_ = ntohs(v6 ? six.sin6_port : four.sin_port);
    acceptor_ = std::jthread([this](const std::stop_token& stop) { accept(stop); });
  }
  ~LoopbackServer() {
    acceptor_.request_stop();
    acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int socket : open_) ::shutdown(socket, SHUT_RDWR);
    }
    connections_.clear();
    ::close(listener_);
  }

  std::string base() const { return (v6_ ? "http://[::1]:" : "http://127.0.0.1:") + std::to_string(port_); }
  std::uint16_t port() const { return port_; }
  int requests() const { return requests_; }

 private:
  void accept(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd waiting{listener_, POLLIN, 0};
      if (::poll(&waiting, 1, 20) <= 0) continue;
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) continue;
      {
        const std::lock_guard lock(mutex_);
        open_.push_back(socket);
      }
      connections_.emplace_back([this, socket] { serve(socket); });
    }
  }
  void serve(int socket) {
    const LoopbackConnection connection(socket);
    const std::string request = connection.receive();
    if (!request.empty()) {
      ++requests_;
      handler_(connection, request);
    }
    const std::lock_guard lock(mutex_);
    std::erase(open_, socket);
    ::close(socket);
  }

  bool v6_;
  Handler handler_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> requests_{0};
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::jthread> connections_;
  std::jthread acceptor_;
};

// Answers every request with `text`.
inline LoopbackServer::Handler say(std::string text) {
  return [text = std::move(text)](const LoopbackConnection& connection, const std::string&) {
    connection.send(text);
  };
}

}  // namespace storagepool::kube
