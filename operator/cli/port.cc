#include "operator/cli/port.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "operator/cli/child.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::cli {
namespace {

tl::unexpected<std::string> failed(std::string why) {
  return tl::unexpected(std::move(why));
}

std::string reason() {
  return std::strerror(errno);
}

// Whether the socket is ready for `events` before `until`.
bool is_ready(int socket, short events, runtime::TimePoint until) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - runtime::steady_now()).count();
    if (left <= 0) return false;
    pollfd wait{socket, events, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (ready > 0) return true;
  }
}

std::optional<std::string> connect_here(int socket, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return reason();
  ::fcntl(socket, F_SETFL, O_NONBLOCK);
  return std::nullopt;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

}  // namespace

std::string format_request(const PodRequest& request) {
  std::string text =
      request.method + " " + request.path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
  if (!request.token.empty()) text += "Authorization: Bearer " + request.token + "\r\n";
  if (!request.body.empty()) text += "Content-Type: application/json\r\n";
  if (!request.body.empty() || request.method != "GET")
    text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  return text + "\r\n" + request.body;
}

tl::expected<PodAnswer, std::string> parse_answer(std::string_view bytes) {
  const std::size_t head_end = bytes.find("\r\n\r\n");
  PodAnswer answer;
  if (!bytes.starts_with("HTTP/1.") || head_end == std::string_view::npos || bytes.size() < 12 ||
      std::from_chars(bytes.data() + 9, bytes.data() + 12, answer.status).ec != std::errc{})
    return failed("the answer is not HTTP; does the port speak TLS?");
  answer.body = bytes.substr(head_end + 4);
  const std::string head = lower(bytes.substr(0, head_end + 2));
  constexpr std::string_view kLength = "\r\ncontent-length:";
  const std::size_t at = head.find(kLength);
  if (at == std::string::npos) return answer;
  std::size_t begin = at + kLength.size();
  while (begin < head.size() && head[begin] == ' ') ++begin;
  std::size_t length = 0;
  std::from_chars(head.data() + begin, head.data() + head.size(), length);
  if (answer.body.size() < length) return failed("the answer was cut off");
  answer.body.resize(length);
  return answer;
}

tl::expected<PodAnswer, std::string> send_here(std::uint16_t port, const PodRequest& request,
                                               const HttpLimits& limits) {
  const auto until = runtime::steady_now() + limits.deadline;
  const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.open()) return failed("no socket: " + reason());
  if (const auto failure = connect_here(socket.get(), port)) return failed("no connection: " + *failure);
  const std::string text = format_request(request);
  for (std::size_t sent = 0; sent < text.size();) {
    if (!is_ready(socket.get(), POLLOUT, until)) return failed("the request was not taken in time");
    const ssize_t count = ::send(socket.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EINTR) return failed("the connection was lost: " + reason());
    if (count > 0) sent += static_cast<std::size_t>(count);
  }
  std::string bytes;
  while (true) {
    if (!is_ready(socket.get(), POLLIN, until)) return failed("no answer in time");
    std::array<char, 65536> buffer{};
    const ssize_t count = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (count <= 0) break;
    bytes.append(buffer.data(), static_cast<std::size_t>(count));
    if (bytes.size() > limits.most_bytes) return failed("the answer is too long");
  }
  if (bytes.empty()) return failed("the connection was closed without an answer");
  return parse_answer(bytes);
}

}  // namespace storagepool::cli
