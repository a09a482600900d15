// What a POST of 1 KB and its answer cost the server's one thread in CPU time, system calls included, beside
// a bare epoll loop that reads the same bytes and writes the same answer without looking at either. Clients
// wait for their answer before they ask again: one, and sixteen at once.
#include <benchmark/benchmark.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

#include "pool/common/http/server.h"
#include "pool/common/http/testing/loopback.h"

namespace storagepool::http {
namespace {

const std::string& post_bytes() {
  static const std::string kRequest =
      "POST /api/v1/audit/events HTTP/1.1\r\nHost: audit:8080\r\nUser-Agent: benchmark/1\r\n"
      "Accept-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: 1024\r\n\r\n" +
      std::string(1024, 'x');
  return kRequest;
}

constexpr const char* kAnswer =
    R"({"event_id":"019a5b60-0000-7000-8000-000000000000","event_timestamp":"2026-11-21T12:00:00Z",)"
    R"("message":"Audit event created successfully"})";

boost::asio::awaitable<Response> created(Request& request) {
  benchmark::DoNotOptimize(request.body.data());
  Response response;
  response.status = 201;
  response.body = kAnswer;
  co_return response;
}

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

class OurServer {
 public:
  OurServer() {
    port_ = server_.listen("127.0.0.1", 0).value();
    thread_ = std::thread([this] { loop_.run(); });
  }
  OurServer(const OurServer&) = delete;
  OurServer& operator=(const OurServer&) = delete;
  ~OurServer() {
    loop_.stop();
    thread_.join();
  }
  std::uint16_t port() const { return port_; }
  std::thread& thread() { return thread_; }

 private:
  boost::asio::io_context loop_{1};
  Server server_{loop_.get_executor(), {}, created};
  std::uint16_t port_ = 0;
  std::thread thread_;
};

class BareServer {
 public:
  BareServer()
      : listener_(::socket(AF_INET, SOCK_STREAM, 0)), stop_(::eventfd(0, 0)), epoll_(::epoll_create1(0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, any, size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, any, &size) != 0) {
      fail("listen");
    }
    port_ = ntohs(address.sin_port);
    watch(listener_);
    watch(stop_);
    thread_ = std::thread([this] { run(); });
  }
  BareServer(const BareServer&) = delete;
  BareServer& operator=(const BareServer&) = delete;
  ~BareServer() {
    const std::uint64_t one = 1;
    if (::write(stop_, &one, sizeof one) != sizeof one) std::terminate();
    thread_.join();
    for (const int fd : clients_) ::close(fd);
    for (const int fd : {listener_, stop_, epoll_}) ::close(fd);
  }
  std::uint16_t port() const { return port_; }
  std::thread& thread() { return thread_; }

 private:
  void watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
  }

  void run() {
    const std::string answer =
        "HTTP/1.1 201 Created\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\n"
        "X-Request-Id: 0123456789abcdef0123456789abcdef\r\nContent-Type: "
        "application/json\r\nContent-Length: " +
        std::to_string(std::string_view(kAnswer).size()) + "\r\nConnection: keep-alive\r\n\r\n" + kAnswer;
    std::array<epoll_event, 64> events{};
    std::array<char, 8192> buffer{};
    while (true) {
      const int count = ::epoll_wait(epoll_, events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events.at(static_cast<std::size_t>(i)).data.fd;
        if (fd == stop_) return;
        if (fd == listener_) {
          clients_.push_back(::accept(listener_, nullptr, nullptr));
          const int on = 1;
          ::setsockopt(clients_.back(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          watch(clients_.back());
          continue;
        }
        const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
        if (got <= 0) {
          ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
        } else if (::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) {
          return;
        }
      }
    }
  }

  int listener_;
  int stop_;
  int epoll_;
  std::uint16_t port_ = 0;
  std::vector<int> clients_;
  std::thread thread_;
};

double cpu_seconds(std::thread& thread) {
  clockid_t clock{};
  timespec time{};
  if (::pthread_getcpuclockid(thread.native_handle(), &clock) != 0 || ::clock_gettime(clock, &time) != 0) {
    fail("thread clock");
  }
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

template <typename AnyServer>
void post(benchmark::State& state) {
  AnyServer server;
  std::vector<std::unique_ptr<testing::Client>> clients;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    clients.push_back(std::make_unique<testing::Client>(server.port()));
  }
  const double before = cpu_seconds(server.thread());
  std::int64_t requests = 0;
  for (auto _ : state) {
    for (const auto& client : clients) client->send(post_bytes());
    for (const auto& client : clients) {
      if (client->read().value().status != 201) throw std::runtime_error("not created");
    }
    requests += state.range(0);
  }
  const double used = cpu_seconds(server.thread()) - before;
  state.SetItemsProcessed(requests);
  state.counters["server_cpu_us"] = used * 1e6 / static_cast<double>(requests);
}

BENCHMARK(post<BareServer>)->Name("post/bare_epoll")->Arg(1)->Arg(16)->UseRealTime();
BENCHMARK(post<OurServer>)->Name("post/server")->Arg(1)->Arg(16)->UseRealTime();

}  // namespace
}  // namespace storagepool::http
