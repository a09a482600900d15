#include "e2e/support/delayed_network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "e2e/support/process.h"

namespace storagepool::e2e {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr std::string_view kDetour = "detour";
constexpr std::string_view kNetwork = "eth0";
constexpr std::size_t kMostWaiting = 10'000;

struct Packet {
  steady_clock::time_point due;
  std::vector<char> bytes;
};

void must(const Result& done) {
  if (!done.ok()) throw std::runtime_error("ip: " + done.err);
}

}  // namespace

DelayedNetwork::DelayedNetwork(pid_t process, std::string address, std::chrono::milliseconds delay)
    : space_(process), address_(std::move(address)), delay_(delay) {
  // Both stay in the namespace in which they were made.
  std::thread([this] {
    if (!space_.enter()) return;
    ifreq interface {};
    kDetour.copy(interface.ifr_name, IFNAMSIZ - 1);
    interface.ifr_flags = IFF_TUN | IFF_NO_PI;
    detour_ = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    const bool made = detour_ >= 0 && ::ioctl(detour_, TUNSETIFF, &interface) == 0;
    out_ = made ? ::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW) : -1;
    if (::setsockopt(out_, SOL_SOCKET, SO_BINDTODEVICE, kNetwork.data(), kNetwork.size()) != 0) {
      ::close(out_);
      out_ = -1;
    }
  }).join();
  if (out_ < 0) {
    ::close(detour_);
    throw std::runtime_error("no detour in the network of process " + std::to_string(process));
  }
  carrier_ = std::jthread([this](const std::stop_token& stop) { carry(stop); });
  must(run(space_.inside({"ip", "link", "set", std::string(kDetour), "up"})));
  must(run(space_.inside({"ip", "route", "add", address_ + "/32", "dev", std::string(kDetour)})));
}

DelayedNetwork::~DelayedNetwork() {
  run(space_.inside({"ip", "route", "del", address_ + "/32", "dev", std::string(kDetour)}));
  carrier_.request_stop();
  carrier_.join();
  ::close(out_);
  ::close(detour_);  // and the interface is gone
}

void DelayedNetwork::carry(const std::stop_token& stop) {
  std::deque<Packet> waiting;
  std::array<char, 65536> buffer{};
  while (!stop.stop_requested() || !waiting.empty()) {
    const auto now = steady_clock::now();
    while (!waiting.empty() && waiting.front().due <= now) {
      const std::vector<char>& bytes = waiting.front().bytes;
      sockaddr_in to{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}};
      std::memcpy(&to.sin_addr, &bytes[16], sizeof to.sin_addr);
      ::sendto(out_, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
      waiting.pop_front();
      ++carried_;
    }
    const auto next =
        waiting.empty() ? 20ms : std::chrono::ceil<std::chrono::milliseconds>(waiting.front().due - now);
    pollfd readable{.fd = detour_, .events = POLLIN, .revents = 0};
    if (::poll(&readable, 1, static_cast<int>(next.count())) <= 0) continue;
    const ssize_t length = ::read(detour_, buffer.data(), buffer.size());
    const bool is_ipv4 = length >= 20 && (buffer[0] & 0xf0) == 0x40;
    if (is_ipv4 && waiting.size() < kMostWaiting)
      waiting.push_back({steady_clock::now() + delay_, {buffer.data(), buffer.data() + length}});
  }
}

}  // namespace storagepool::e2e
