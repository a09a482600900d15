#include "pool/service/program_tests/testing/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <system_error>

namespace storagepool::service::testing {
namespace {

class Socket {
 public:
  Socket() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval timeout{60, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  }
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  bool connect(std::uint16_t port) const {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  void send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // refused early: the answer may be there all the same
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  std::string receive_all() const {
    std::string text;
    std::array<char, 16384> buffer{};
    ssize_t got = 0;
    while ((got = ::recv(fd_, buffer.data(), buffer.size(), 0)) > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return text;
  }

 private:
  int fd_;
};

// What chunks hold (RFC 9112, 7.1); no value where the last is not there.
std::optional<std::string> of_chunks(std::string_view text) {
  std::string body;
  for (;;) {
    std::size_t size = 0;
    const char* const end = text.data() + text.size();
    const auto [after, error] = std::from_chars(text.data(), end, size, 16);
    const std::size_t begin = static_cast<std::size_t>(after - text.data()) + 2;
    if (error != std::errc{} || text.size() < begin + size + 2) return std::nullopt;
    if (size == 0) return body;
    body += text.substr(begin, size);
    text.remove_prefix(begin + size + 2);
  }
}

}  // namespace

HttpResponse http(std::uint16_t port, const std::string& method, const std::string& target,
                  const HttpHeaders& headers, const std::string& body) {
  const Socket socket;
  HttpResponse response;
  if (!socket.connect(port)) return response;
  std::string request = method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
  for (const auto& [name, value] : headers) request += name + ": " + value + "\r\n";
  if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  socket.send(request + "\r\n" + body);

  const std::string text = socket.receive_all();
  const std::size_t head_end = text.find("\r\n\r\n");
  if (head_end == std::string::npos || text.size() < 12) return response;
  response.status = static_cast<unsigned>(std::atoi(text.substr(9, 3).c_str()));
  response.body = text.substr(head_end + 4);
  for (std::size_t at = text.find("\r\n") + 2; at < head_end;) {
    const std::size_t end = text.find("\r\n", at);
    const std::size_t colon = text.find(':', at);
    std::string name = text.substr(at, colon - at);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    response.headers[name] = text.substr(colon + 2, end - colon - 2);
    at = end + 2;
  }
  // An answer cut off in the middle is none.
  const auto length = response.headers.find("content-length");
  if (length != response.headers.end() && method != "HEAD" &&
      response.body.size() != static_cast<std::size_t>(std::atoll(length->second.c_str()))) {
    return {};
  }
  if (response.headers.contains("transfer-encoding") && method != "HEAD") {
    auto whole = of_chunks(response.body);
    if (!whole) return {};
    response.body = *std::move(whole);
  }
  return response;
}

}  // namespace storagepool::service::testing
