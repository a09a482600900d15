#include "operator/manager/testing/scrape.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace storagepool::manager::testing {
namespace {

// `text` begins after the brace; the labels of the API server have no quotes in them.
Labels read_labels(std::string_view text) {
  Labels labels;
  while (!text.empty() && text.front() != '}') {
    const std::size_t equals = text.find("=\"");
    if (equals == std::string_view::npos) break;
    const std::size_t end = text.find('"', equals + 2);
    if (end == std::string_view::npos) break;
    labels.emplace(text.substr(0, equals), text.substr(equals + 2, end - equals - 2));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (text.starts_with(',')) text.remove_prefix(1);
  }
  return labels;
}

}  // namespace

std::string fetch(std::uint16_t port, const std::string& path, const std::string& ip) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = ::inet_addr(ip.c_str());
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  std::string answer;
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      ::send(socket, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
    char buffer[16384];
    for (ssize_t got = 0; (got = ::recv(socket, buffer, sizeof buffer, 0)) > 0;)
      answer.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(socket);
  return answer;
}

void each_sample(std::string_view text, std::string_view name,
                 const std::function<void(const Labels& labels, double value)>& take) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.starts_with(name) || line.size() == name.size()) continue;
    const char next = line[name.size()];
    if (next != ' ' && next != '{') continue;
    const double value = std::atof(std::string(line.substr(line.rfind(' ') + 1)).c_str());
    take(next == '{' ? read_labels(line.substr(name.size() + 1)) : Labels(), value);
  }
}

double sum_of(std::string_view text, std::string_view name) {
  double sum = 0;
  each_sample(text, name, [&](const Labels&, double value) { sum += value; });
  return sum;
}

}  // namespace storagepool::manager::testing
