#include "e2e/peers/service/load/run.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "e2e/peers/service/load/response.h"

namespace storagepool::load {
namespace {

using std::chrono::microseconds;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{30};  // for the last answers
constexpr std::uint64_t kMostBroken = 1000;

std::system_error last_error(const char* what) {
  return {errno, std::generic_category(), what};
}

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

Fd connect_to(const std::string& ip_address, std::uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) throw last_error("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::inet_pton(AF_INET, ip_address.c_str(), &address.sin_addr) != 1) {
    throw std::runtime_error("not an IPv4 address: " + ip_address);
  }
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    throw last_error("cannot connect to the service");
  }
  const int on = 1;
  if (::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) throw last_error("TCP_NODELAY");
  return fd;
}

struct Client {
  Fd fd;
  std::string request;
  std::size_t sent = 0;
  bool waits_to_send = false;  // what epoll was told
  bool busy = false;           // a request is under way
  Clock::time_point started;
  ResponseReader response;
};

class Runner {
 public:
  explicit Runner(const RunOptions& options)
      : options_(options), requests_(options.requests), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_.get() < 0) throw last_error("epoll_create1");
  }

  Figures run() {
    clients_.resize(options_.clients);
    for (Client& client : clients_) {
      client.request = requests_.text();
      open(client);
    }
    const auto start = Clock::now();
    end_ = start + options_.time;
    last_in_time_ = start;
    due_ = start;
    for (Client& client : clients_) begin(client);
    while ((busy_ > 0 || (paced() && more())) && Clock::now() < end_ + kPatience) {
      wait();
      if (paced()) begin_due();
    }
    figures_.unanswered = busy_;
    if (busy_ > 0) note("no answer " + std::to_string(kPatience.count()) + " s after the time was over");
    const bool by_number = options_.most_requests != 0 && begun_ == options_.most_requests;
    const auto seconds = (by_number ? std::min(last_in_time_, end_) : end_) - start;
    figures_.seconds = std::chrono::duration<double>(seconds).count();
    return std::move(figures_);
  }

 private:
  void note(const std::string& problem) {
    if (figures_.first_problem.empty()) figures_.first_problem = problem;
  }

  void watch(Client& client, int operation) {
    epoll_event event{};
    event.events = EPOLLIN | (client.waits_to_send ? EPOLLOUT : 0U);
    event.data.u64 = static_cast<std::uint64_t>(&client - clients_.data());
    if (::epoll_ctl(epoll_.get(), operation, client.fd.get(), &event) != 0) throw last_error("epoll_ctl");
  }

  void open(Client& client) {
    client.fd = Fd();  // closed first: its number may come again
    client.fd = connect_to(options_.address, options_.port);
    client.waits_to_send = false;
    client.response = ResponseReader();
    watch(client, EPOLL_CTL_ADD);
  }

  bool more() const {
    return Clock::now() < end_ && (options_.most_requests == 0 || begun_ < options_.most_requests);
  }

  bool paced() const { return options_.rate > 0; }

  void begin_due() {
    while (due_ <= Clock::now() && !idle_.empty()) {
      Client& client = *idle_.front();
      idle_.pop_front();
      begin(client);
    }
  }

  // The client's next request; it stays idle when the load is over, or until one is due.
  void begin(Client& client) {
    if (!more()) return;
    client.started = Clock::now();
    if (paced()) {
      if (due_ > client.started) return idle_.push_back(&client);
      client.started = due_;
      due_ += std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / options_.rate));
    }
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    requests_.renew(client.request, std::chrono::duration_cast<microseconds>(now).count());
    client.sent = 0;
    client.busy = true;
    ++busy_;
    ++begun_;
    send(client);
  }

  void send(Client& client) {
    while (client.sent < client.request.size()) {
      const ssize_t count = ::send(client.fd.get(), client.request.data() + client.sent,
                                   client.request.size() - client.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
      if (count < 0) return lose(client, last_error("send").what());
      client.sent += static_cast<std::size_t>(count);
    }
    const bool waits = client.sent < client.request.size();
    if (waits != client.waits_to_send) {
      client.waits_to_send = waits;
      watch(client, EPOLL_CTL_MOD);
    }
  }

  void receive(Client& client) {
    const ssize_t count = ::recv(client.fd.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (count < 0) return lose(client, last_error("recv").what());
    if (count == 0) return lose(client, "the service closed the connection");
    if (!client.busy) return lose(client, "an answer without a request");
    switch (client.response.feed({buffer_.data(), static_cast<std::size_t>(count)})) {
      case ResponseReader::State::kMore:
        return;
      case ResponseReader::State::kDone:
        return finish(client);
      case ResponseReader::State::kBroken:
        return lose(client, client.response.reason());
    }
  }

  bool expected(unsigned status, bool queued) const {
    constexpr unsigned kAccepted = 202;
    if (status != requests_.expected_status() && !(queued && status == kAccepted)) return false;
    return options_.kept == Kept::kEither || queued == (options_.kept == Kept::kJournalled);
  }

  void finish(Client& client) {
    const auto now = Clock::now();
    client.busy = false;
    --busy_;
    const unsigned status = client.response.status();
    const bool queued = client.response.queued();
    if (queued) ++figures_.queued;
    if (expected(status, queued)) {
      ++figures_.answered;
      if (now <= end_) ++figures_.in_time;
      last_in_time_ = now;
      figures_.latencies.add(
          static_cast<std::uint64_t>(std::chrono::duration_cast<microseconds>(now - client.started).count()));
      if (options_.answered) options_.answered(client.started, now);
    } else if (queued) {
      note("events went to the journal");
    } else {
      ++figures_.unexpected[status];
      note("HTTP " + std::to_string(status) + ": " + client.response.beginning());
    }
    const bool closes = client.response.closes();
    client.response.next();
    if (closes && more()) open(client);
    begin(client);
  }

  // Of a connection that is of no more use.
  void lose(Client& client, std::string_view reason) {
    const bool was_busy = std::exchange(client.busy, false);
    if (was_busy) {
      --busy_;
      ++figures_.broken;
      note("connection lost: " + std::string(reason));
      if (figures_.broken > kMostBroken) throw std::runtime_error(figures_.first_problem);
    }
    client.fd = Fd();
    if (!more()) return;
    open(client);
    if (was_busy) begin(client);
  }

  void wait() {
    constexpr std::chrono::nanoseconds kLongest =
        std::chrono::milliseconds(100);  // then the time is looked at
    auto patience = kLongest;
    if (paced() && !idle_.empty()) {
      patience =
          std::clamp<std::chrono::nanoseconds>(due_ - Clock::now(), std::chrono::nanoseconds(0), kLongest);
    }
    const timespec timeout{.tv_sec = 0, .tv_nsec = patience.count()};
    const int count =
        ::epoll_pwait2(epoll_.get(), events_.data(), static_cast<int>(events_.size()), &timeout, nullptr);
    if (count < 0 && errno != EINTR) throw last_error("epoll_pwait2");
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events_[static_cast<std::size_t>(i)];
      Client& client = clients_[event.data.u64];
      if ((event.events & EPOLLOUT) != 0 && client.waits_to_send) send(client);
      if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && client.fd.get() >= 0) receive(client);
    }
  }

  RunOptions options_;
  Requests requests_;
  Fd epoll_;
  std::vector<Client> clients_;
  std::deque<Client*> idle_;  // until a request is due, who waits for the longest first: none stays unused
  Clock::time_point due_;     // the next request, of those at a rate
  std::array<epoll_event, 64> events_{};
  std::array<char, std::size_t{256} * 1024> buffer_{};
  Clock::time_point end_;
  Clock::time_point last_in_time_;
  std::uint64_t busy_ = 0;
  std::uint64_t begun_ = 0;
  Figures figures_;
};

}  // namespace

Figures run(const RunOptions& options) {
  return Runner(options).run();
}

}  // namespace storagepool::load
