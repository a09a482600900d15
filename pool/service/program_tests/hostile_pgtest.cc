// Hostile clients, one kind after the other, while one well-behaved client writes events and probes ask for
// health: it is served all the time, memory stays within the budget, and nothing restarts.
//
// The clients are on loopback addresses of their own: a pod tells clients apart by address.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/http/message/coding.h"
#include "pool/common/http/testing/loopback.h"
#include "pool/common/http/testing/tls.h"
#include "pool/service/program_tests/testing/program_test.h"
#include "pool/service/program_tests/testing/resources.h"
#include "pool/service/program_tests/testing/well_behaved.h"

namespace storagepool::service {
namespace {

using http::testing::Client;
using testing::eventually;
using testing::kGoodToken;
using testing::memory_is_ours;
using testing::Pod;
using testing::post_head;
using testing::Probes;
using testing::resident_bytes;
using testing::use_descriptors;
using testing::valid_event;
using testing::Writer;
using namespace std::chrono_literals;
using std::chrono::steady_clock;
using Clients = std::vector<std::unique_ptr<Client>>;

constexpr std::size_t kMiB = std::size_t{1} << 20;
// Nobody waits behind others for longer than the shortest deadline of the design, that of a head.
constexpr auto kShortestDeadline = 10s;
// What an idle pod takes, 4,096 connections of some 12 KiB, and what PostgreSQL's answers and the queue hold.
constexpr std::size_t kBaseBytes = 144 * kMiB;
constexpr std::size_t kBudgetBytes = http::Limits().memory_bytes;

std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " + kGoodToken + "\r\n\r\n";
}

// From one of some twenty addresses.
std::unique_ptr<Client> hostile(std::uint16_t port, std::size_t number = 0) {
  const std::string address = "127.0.1." + std::to_string(number % 20 + 1);
  return std::make_unique<Client>(port, address.c_str());
}

class HostileTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    use_descriptors(1024);  // as container runtimes do
    server_ = std::make_unique<postgres::testing::Server>();
    pod_ = std::make_unique<Pod>(server_->connect_options());
    pod_->write("auth/token", kGoodToken + "\n");
    testing::start_ready(*pod_, {"--auth-mode=Token"});
    descriptors_ = use_descriptors(20'000);
    Writer alone(pod_->api_port());
    std::this_thread::sleep_for(1s);  // how long is measured, not what is waited for
    alone.stop();
    alone_ = alone.p99();
  }
  static void TearDownTestSuite() {
    // What was asked for last is still read, one after the other, also if nobody takes it any more: on a
    // starved machine for longer than a drain may take.
    EXPECT_TRUE(testing::eventually([] { return pod_->metric("storagepool_pool_in_use") == 0; }));
    EXPECT_EQ(pod_->stop(), 0) << pod_->log();
    pod_.reset();
    server_.reset();
  }

  void SetUp() override {
    peak_ = 0;
    writer_ = std::make_unique<Writer>(pod_->api_port());
    probes_ = std::make_unique<Probes>(*pod_);
  }
  void TearDown() override {
    writer_->stop();
    probes_->stop();
    look();
    std::printf("p99 %lld ms beside %s, %lld ms alone; %zu events, %zu probes, RSS %zu MiB at most\n",
                static_cast<long long>(writer_->p99().count()),
                ::testing::UnitTest::GetInstance()->current_test_info()->name(),
                static_cast<long long>(alone_.count()), writer_->written(), probes_->asked(), peak_ / kMiB);
    EXPECT_EQ(writer_->refused(), "");
    EXPECT_EQ(probes_->failed(), "");
    EXPECT_GT(writer_->written(), 0U);
    EXPECT_LT(writer_->p99(), kShortestDeadline);
    EXPECT_TRUE(pod_->running()) << pod_->log();
    EXPECT_LE(pod_->metric("storagepool_http_memory_bytes"), static_cast<double>(kBudgetBytes));
    if (memory_is_ours()) {
      EXPECT_LT(peak_, kBudgetBytes + kBaseBytes);
    }
  }

  // Goes on for a while: what hostile clients hold, they hold that long.
  void hold(
      std::chrono::milliseconds duration, const std::function<void()>& meanwhile = [] {}) {
    const auto end = steady_clock::now() + duration;
    while (steady_clock::now() < end) {
      meanwhile();
      look();
      std::this_thread::sleep_for(20ms);
    }
  }
  void look() { peak_ = std::max(peak_, resident_bytes(pod_->pid())); }
  static std::uint16_t api() { return pod_->api_port(); }
  // Some 29 MB of them, with the correlation "large".
  static void store_large_events() {
    if (std::exchange(stored_, true)) return;
    nlohmann::json event = valid_event();
    event["correlation_id"] = "large";
    event["event_data"] = {{"x", std::string(750'000, 'x')}};
    const std::string body = event.dump();
    Client loader(api());
    for (int i = 0; i < 40; ++i) {
      loader.send(post_head(body.size()) + body);
      ASSERT_EQ(loader.read()->status, 201U);
    }
  }

  static inline std::size_t descriptors_ = 0;
  static inline bool stored_ = false;
  static inline std::unique_ptr<postgres::testing::Server> server_;
  static inline std::unique_ptr<Pod> pod_;
  static inline std::chrono::milliseconds alone_{};
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Probes> probes_;
  std::size_t peak_ = 0;
};

TEST_F(HostileTest, SlowHeads) {
  Clients slow;
  for (const std::uint16_t port : {api(), pod_->health_port()}) {
    for (std::size_t i = 0; i < 300; ++i) {
      slow.push_back(hostile(port, i));
      slow.back()->send("GET /livez HTTP/1.1\r\nHost: h\r\nX-Slow: ");
    }
  }
  hold(3s, [&] {
    for (const auto& client : slow) client->send("x");
  });
}

TEST_F(HostileTest, SlowBodies) {
  Clients slow;
  for (std::size_t i = 0; i < 300; ++i) {
    slow.push_back(hostile(api(), i));
    slow.back()->send(post_head(100'000) + "{");
  }
  hold(3s, [&] {
    for (const auto& client : slow) client->send(" ");
  });
}

TEST_F(HostileTest, AnswersThatNobodyReads) {
  store_large_events();
  Clients slow;
  for (std::size_t i = 0; i < 40; ++i) {
    slow.push_back(hostile(api(), i));
    slow.back()->send(get("/api/v1/audit/events?correlation_id=large&limit=40"));
  }
  hold(4s, [&] {
    for (const auto& client : slow) {
      if (client->readable(0ms)) client->read_some(16);
    }
  });
  slow.clear();
  // A slow reader of one such page gets all of it, also when it takes its time.
  Client reader(api(), "127.0.0.3");
  EXPECT_TRUE(eventually([&] {
    reader.send(get("/api/v1/audit/events?correlation_id=large&limit=40"));
    const auto answer = reader.read();
    return answer && answer->status == 200 && answer->body.size() > 29 * kMiB - kMiB;
  }));
}

// Answers that take much reading and digesting, and streams that nobody reads.
TEST_F(HostileTest, Auditors) {
  store_large_events();
  const std::string verify = R"({"correlation_id":"large"})";
  std::atomic<bool> done = false;
  std::atomic<int> whole = 0;
  std::vector<std::thread> auditors;
  for (std::size_t i = 0; i < 4; ++i) {
    auditors.emplace_back([&, i] {
      const auto client = hostile(api(), i);
      while (!done) {
        client->send(i % 2 == 0 ? get("/api/v1/audit/export?correlation_id=large")
                                : post_head(verify.size(), kGoodToken, "verify-chain") + verify);
        const auto answer = client->read();
        ASSERT_TRUE(answer);
        EXPECT_THAT(answer->status, ::testing::AnyOf(200U, 429U, 503U)) << answer->body;
        if (answer->status == 200 && i % 2 == 0) ++whole;
      }
    });
  }
  hold(3s);
  done = true;
  for (std::thread& auditor : auditors) auditor.join();
  EXPECT_GT(whole, 0);

  const std::string nested(5 * kMiB, '[');
  for (std::size_t i = 0; i < 20; ++i) {
    const auto client = hostile(api(), i);
    client->send(post_head(nested.size(), kGoodToken, "verify-chain") + nested);
    EXPECT_EQ(client->read()->status, 413U);
    look();
  }
  Clients streams;
  for (std::size_t i = 0; i < 300; ++i) {
    streams.push_back(hostile(api(), i));
    streams.back()->send(
        "GET /api/v1/audit/feed?from=earliest&correlation_id=large HTTP/1.1\r\nHost: h\r\n"
        "Accept: application/x-ndjson\r\nAuthorization: Bearer " +
        kGoodToken + "\r\n\r\n");
  }
  hold(3s);
}

TEST_F(HostileTest, TenThousandIdleConnections) {
  const std::size_t many = std::min<std::size_t>(10'000, descriptors_ - 200);
  if (many < 10'000) std::printf("only %zu descriptors: %zu idle connections\n", descriptors_, many);
  Clients idle;
  for (std::size_t i = 0; i < many; ++i) idle.push_back(hostile(api(), i));
  for (std::size_t i = 0; i < 300; ++i) idle.push_back(hostile(pod_->health_port(), i));
  hold(2s);
}

// Each takes several times the memory of one without, so there may be fewer.
TEST_F(HostileTest, IdleConnectionsOverTls) {
  const http::testing::Authority authority;
  const http::TlsMaterial material = authority.server();
  Pod pod(server_->connect_options());
  pod.write("tls/tls.crt", material.certificate);
  pod.write("tls/tls.key", material.key);
  testing::start_ready(pod, {"--tls-dir=" + pod.path("tls")});
  const std::size_t many = std::min<std::size_t>(memory_is_ours() ? 3'000 : 1'200, descriptors_ - 200);
  std::vector<std::unique_ptr<http::testing::TlsClient>> idle;
  for (std::size_t i = 0; i < many; ++i) {
    idle.push_back(std::make_unique<http::testing::TlsClient>(pod.api_port()));
    ASSERT_TRUE(idle.back()->send(get("/livez")) && idle.back()->read().starts_with("HTTP/1.1 200 ")) << i;
  }
  std::printf("%zu connections over TLS: RSS %zu MiB\n", many, resident_bytes(pod.pid()) / kMiB);
  if (memory_is_ours()) {
    EXPECT_LT(resident_bytes(pod.pid()), kBaseBytes);
  }
  EXPECT_GT(pod.metric("storagepool_http_closed_for_new_total"), 0);
  EXPECT_EQ(pod.stop(), 0) << pod.log();
}

TEST_F(HostileTest, IncompleteBodies) {
  Clients slow;
  const std::string part(4 * kMiB, ' ');
  for (std::size_t i = 0; i < 200; ++i) {
    slow.push_back(hostile(api(), i));
    slow.back()->send(post_head(5 * kMiB) + part.substr(0, i % 2 == 0 ? kMiB : part.size()));
    look();
  }
  hold(2s);
  slow.clear();
  for (std::size_t i = 0; i < 200; ++i) {
    slow.push_back(hostile(api(), i));
    slow.back()->send(post_head(5 * kMiB, "of-a-stranger-0123456789"));
  }
  for (const auto& client : slow) EXPECT_EQ(client->read()->status, 401U);
}

TEST_F(HostileTest, PipelinedFloods) {
  std::string many;
  for (int i = 0; i < 2000; ++i)
    many += i % 2 == 0 ? get("/api/v1/audit/events?limit=1") : get("/openapi.yaml");
  std::vector<std::thread> floods;
  for (std::size_t i = 0; i < 20; ++i) {
    floods.emplace_back([&, i] {
      const auto client = hostile(api(), i);
      std::thread reader([&] {
        for (int answers = 0; answers < 200; ++answers) client->read();
        client->half_close();
      });
      client->send(many.substr(0, many.size() / 8));
      reader.join();
    });
  }
  hold(2s);
  for (std::thread& flood : floods) flood.join();
}

TEST_F(HostileTest, SmugglingPairs) {
  const std::string smuggled = get("/smuggled");
  const std::string post = "POST /api/v1/audit/events HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " +
                           kGoodToken + "\r\nContent-Type: application/json\r\n";
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  for (const std::string& framing : {
           "Content-Length: 4\r\n" + chunked + "\r\n0\r\n\r\n",
           chunked + "Content-Length: 4\r\n\r\n0\r\n\r\n",
           std::string("Content-Length: 0\r\nContent-Length: 44\r\n\r\n"),
           std::string("Content-Length: 0, 0\r\n\r\n"),
           std::string("Content-Length: +0\r\n\r\n"),
           std::string("Content-Length: 0x0\r\n\r\n"),
           std::string("Content-Length : 0\r\n\r\n"),
           std::string("Content-Length:\r\n 0\r\n\r\n"),
           std::string("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
           std::string("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
           chunked + chunked + "\r\n0\r\n\r\n",
           chunked + "\r\n0x0\r\n\r\n",
           chunked + "\r\n1\r\nxx0\r\n\r\n",
           chunked + "\r\nFFFFFFFFFFFFFFFFF\r\n",
           std::string("X: a\r\n folded\r\n\r\n"),
           std::string("Host: other\r\n\r\n"),
       }) {
    const auto client = hostile(api());
    client->send(post + framing + smuggled);
    client->half_close();
    const std::string answers = client->read_to_end();
    EXPECT_TRUE(answers.starts_with("HTTP/1.1 400 ") || answers.starts_with("HTTP/1.1 501 "))
        << framing << answers;
    EXPECT_EQ(answers.find("HTTP/1.1 ", 1), std::string::npos) << framing << answers;
  }
}

TEST_F(HostileTest, OversizedEverything) {
  const std::string head = "GET / HTTP/1.1\r\nHost: h\r\n";
  std::string fields;
  for (int i = 0; i < 10'000; ++i) fields += "X" + std::to_string(i) + ": y\r\n";
  const std::vector<std::pair<std::string, std::string>> requests = {
      {"431", "GET /" + std::string(1'000'000, 'a')},
      {"431", head + "X: " + std::string(1'000'000, 'a')},
      {"431", head + fields + "\r\n"},
      {"413", post_head(std::size_t{1} << 40) + std::string(kMiB, 'x')},
      {"400", std::string(1'000'000, '\0')},
  };
  for (int round = 0; round < 20; ++round) {
    for (const auto& [status, request] : requests) {
      const auto client = hostile(api(), static_cast<std::size_t>(round));
      client->send(request);
      EXPECT_TRUE(client->read_to_end().starts_with("HTTP/1.1 " + status)) << request.substr(0, 60);
    }
  }
}

TEST_F(HostileTest, TokenFuzz) {
  std::mt19937 random(20261128);  // NOLINT(cert-msc51-cpp): the same tokens in every run
  const auto client = hostile(api());
  for (int round = 0; round < 2000; ++round) {
    std::string token = kGoodToken;
    if (round % 2 == 0) {
      token.clear();
      for (unsigned length = random() % 300 + 1; length > 0; --length)
        token += static_cast<char>('!' + random() % 94);
    } else {
      token[random() % token.size()] ^= static_cast<char>(1U << random() % 3U);
    }
    client->send("GET /api/v1/audit/events HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " + token +
                 "\r\n\r\n");
    const auto answer = client->read();
    ASSERT_TRUE(answer) << token;
    ASSERT_EQ(answer->status, 401U) << token;
  }
}

TEST_F(HostileTest, GzipBombs) {
  http::GzipEncoder encoder;
  std::string bomb;
  const std::string zeros(kMiB, '\0');
  for (int i = 0; i < 256; ++i) encoder.encode(zeros, i == 255, bomb);
  const std::string request =
      "POST /api/v1/audit/events HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
      "Content-Encoding: gzip\r\nAuthorization: Bearer " +
      kGoodToken + "\r\nContent-Length: " + std::to_string(bomb.size()) + "\r\n\r\n" + bomb;
  Clients many;
  for (std::size_t i = 0; i < 50; ++i) {
    many.push_back(hostile(api(), i));
    many.back()->send(request);
    look();
  }
  for (const auto& client : many) EXPECT_THAT(client->read()->status, ::testing::AnyOf(413U, 503U));
}

}  // namespace
}  // namespace storagepool::service
