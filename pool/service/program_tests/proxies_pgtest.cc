// Proxies keep connections to a pod and use them again: requests that come just when such a connection has
// been idle for as long as it is kept. The times of the proxies' defaults (60 s to the pod's 75 s) and of
// balancers that keep connections for 600 s (to 620 s), as they are or divided by
// STORAGEPOOL_TEST_PROXY_DIVISOR. The margin between the proxy's and the pod's is never divided: it is what a
// request that is late has, as on a busy machine. hack/proxies makes many requests.
#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/http/testing/loopback.h"
#include "pool/common/settings/duration.h"
#include "pool/service/program_tests/testing/program_test.h"
#include "pool/service/program_tests/testing/proxy.h"

namespace storagepool::service {
namespace {

using std::chrono::milliseconds;
using testing::kEvents;
using testing::Proxy;
using testing::ProxyKind;
using testing::valid_event;

std::int64_t from_environment(const char* name, std::int64_t usual) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::max<std::int64_t>(1, std::atoll(text)) : usual;
}

std::string create() {
  const std::string event = valid_event().dump();
  return "POST " + kEvents + " HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(event.size()) + "\r\n\r\n" + event;
}

// Connections that the pod's side holds established.
std::size_t connections_to(std::uint16_t port) {
  std::ostringstream hex;
  hex << std::hex << std::uppercase << port;
  const std::string suffix = ":" + std::string(4 - hex.str().size(), '0') + hex.str();
  std::ifstream table("/proc/net/tcp");
  std::size_t count = 0;
  std::string slot;
  std::string local;
  std::string remote;
  std::string state;
  for (std::string line; std::getline(table, line);) {
    std::istringstream(line) >> slot >> local >> remote >> state;
    if (local.ends_with(suffix) && state == "01") ++count;
  }
  return count;
}

// One client of the proxy. It repeats nothing, and has seen it when the proxy has closed its connection.
class ProxyClient {
 public:
  explicit ProxyClient(std::uint16_t port) : port_(port) {}

  unsigned ask(const std::string& request) {
    if (client_ && client_->readable(milliseconds{0})) client_.reset();
    if (!client_) client_ = std::make_unique<http::testing::Client>(port_);
    const auto answer = client_->send(request) ? client_->read() : std::nullopt;
    if (!answer || answer->header("connection") == "close") client_.reset();
    return answer ? answer->status : 0;
  }

 private:
  std::uint16_t port_;
  std::unique_ptr<http::testing::Client> client_;
};

struct Times {
  const char* name;
  std::chrono::seconds proxy;
  std::chrono::seconds pod;
};
constexpr Times kDefaults{"their defaults", std::chrono::seconds{60}, std::chrono::seconds{75}};
constexpr Times kLong{"600 s", std::chrono::seconds{600}, std::chrono::seconds{620}};

class DataStorageProxiesTest : public testing::ProgramTest {
 protected:
  void run(ProxyKind kind, const Times& times, std::int64_t usual_divisor);

 private:
  void rounds(std::uint16_t port, milliseconds keeps);
  void client(std::uint16_t port, std::barrier<>& begins, std::barrier<>& ends);

  const std::int64_t clients_ = from_environment("STORAGEPOOL_TEST_PROXY_CLIENTS", 40);
  const std::int64_t rounds_ = from_environment("STORAGEPOOL_TEST_PROXY_REQUESTS", 320) / clients_ + 1;
  std::mutex mutex_;
  std::map<unsigned, std::int64_t> statuses_;
  std::size_t idle_ = 0;
};

void DataStorageProxiesTest::client(std::uint16_t port, std::barrier<>& begins, std::barrier<>& ends) {
  ProxyClient client(port);
  for (std::int64_t round = 0; round < rounds_; ++round) {
    begins.arrive_and_wait();
    const unsigned status = client.ask(create());
    {
      const std::lock_guard lock(mutex_);
      ++statuses_[status];
    }
    ends.arrive_and_wait();
  }
}

// All at once, so that each needs a connection of its own to the pod, and then again when those have been
// idle for about as long as they are kept.
void DataStorageProxiesTest::rounds(std::uint16_t port, milliseconds keeps) {
  std::barrier begins(clients_ + 1);
  std::barrier ends(clients_ + 1);
  std::vector<std::thread> clients;
  for (std::int64_t i = 0; i < clients_; ++i) {
    clients.emplace_back([&] { client(port, begins, ends); });
  }
  std::mt19937 random(1);
  const auto margin = keeps.count() / 20 + 20;
  std::uniform_int_distribution<std::int64_t> gap(keeps.count() - margin, keeps.count() + margin);
  for (std::int64_t round = 0; round < rounds_; ++round) {
    // Not waiting for something but letting time pass, which is what is tried here.
    if (round > 0) std::this_thread::sleep_for(milliseconds{gap(random)});
    idle_ = std::max(idle_, connections_to(pod_.api_port()));
    begins.arrive_and_wait();
    ends.arrive_and_wait();
  }
  for (std::thread& each : clients) each.join();
}

void DataStorageProxiesTest::run(ProxyKind kind, const Times& times, std::int64_t usual_divisor) {
  const std::int64_t divisor = from_environment("STORAGEPOOL_TEST_PROXY_DIVISOR", usual_divisor);
  const milliseconds keeps = milliseconds(times.proxy) / divisor;
  const milliseconds kept = keeps + (times.pod - times.proxy);
  start({"--keep-alive-timeout=" + settings::format_duration(kept)});
  // At their defaults HAProxy keeps connections for 5 s and more, nginx for 60 s.
  const bool untouched = divisor == 1 && &times == &kDefaults;
  const Proxy proxy(kind, pod_.api_port(), untouched ? std::nullopt : std::optional(keeps));
  rounds(proxy.port(), untouched && kind == ProxyKind::kHaproxy ? milliseconds{5000} : keeps);
  std::int64_t answered = 0;
  for (const auto& [status, count] : statuses_) answered += count;
  std::cout << (kind == ProxyKind::kNginx ? "nginx" : "HAProxy") << ", " << times.name << " / " << divisor
            << " (the proxy keeps " << settings::format_duration(keeps) << ", the pod "
            << settings::format_duration(kept) << "): " << answered << " requests, " << statuses_[502]
            << " answered 502, up to " << idle_ << " connections idle at the boundary\n";
  EXPECT_GT(idle_, 0U);
  // A PostgreSQL that is slow for a moment makes it 202; neither is a word of the proxy's.
  EXPECT_EQ(statuses_[201] + statuses_[202], answered) << ::testing::PrintToString(statuses_);
}

TEST_F(DataStorageProxiesTest, NginxWithItsDefaults) {
  run(ProxyKind::kNginx, kDefaults, 60);
}
TEST_F(DataStorageProxiesTest, NginxThatKeepsConnectionsForLong) {
  run(ProxyKind::kNginx, kLong, 600);
}
TEST_F(DataStorageProxiesTest, HaproxyWithItsDefaults) {
  run(ProxyKind::kHaproxy, kDefaults, 60);
}
TEST_F(DataStorageProxiesTest, HaproxyThatKeepsConnectionsForLong) {
  run(ProxyKind::kHaproxy, kLong, 600);
}

}  // namespace
}  // namespace storagepool::service
