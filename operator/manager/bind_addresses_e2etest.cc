// Where the operator's program listens, by its flags.
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "operator/manager/testing/fleet.h"
#include "pool/common/json/json.h"

namespace storagepool::manager {
namespace {

using namespace std::chrono_literals;
using testing::eventually;
using testing::fetch;

class BindAddresses : public testing::Fleet {
 protected:
  BindAddresses() : Fleet(0, nullptr) {}

  // Waits until the operator has the port that it opens last, one for what `last` names.
  void start(std::vector<std::string> flags, const std::string& last) {
    flags.insert(flags.begin(),
                 {testing::operator_program(), "--kubeconfig=" + control_plane_->kubeconfig()});
    operator_ = std::make_unique<testing::Process>(flags, log());
    ASSERT_TRUE(eventually([&] { return port(last) != 0; }, 60s)) << testing::tail_of(log());
  }
  // That the operator's log tells of; 0: none.
  std::uint16_t port(const std::string& what) const {
    std::ifstream lines(log());
    for (std::string text; std::getline(lines, text);) {
      const kube::Json line = kube::Json::parse(text, nullptr, false);
      if (json::text_of(json::member(line, "for")) == what && line.contains("port"))
        return line["port"].get<std::uint16_t>();
    }
    return 0;
  }
  static bool answers(std::uint16_t port, const std::string& path, const std::string& ip) {
    return fetch(port, path, ip).find("200 OK") != std::string::npos;
  }
};

TEST_F(BindAddresses, AnAddressIsWhereThePortIsAndNowhereElse) {
  start({"--health-probe-bind-address=127.0.0.2:0", "--metrics-bind-address=127.0.0.3:0",
         "--page-bind-address=127.0.0.4:0"},
        "page");
  EXPECT_TRUE(answers(port("health"), "/healthz", "127.0.0.2"));
  EXPECT_TRUE(answers(port("metrics"), "/metrics", "127.0.0.3"));
  EXPECT_TRUE(answers(port("page"), "/ui", "127.0.0.4"));
  for (const char* what : {"health", "metrics", "page"}) EXPECT_EQ(fetch(port(what), "/", "127.0.0.1"), "");
}

TEST_F(BindAddresses, WithoutAnAddressAPortIsOnAll) {
  start({"--health-probe-bind-address=:0", "--metrics-bind-address=:0"}, "metrics");
  for (const char* ip : {"127.0.0.1", "127.0.0.2"}) {
    EXPECT_TRUE(answers(port("health"), "/healthz", ip));
    EXPECT_TRUE(answers(port("metrics"), "/metrics", ip));
  }
}

TEST_F(BindAddresses, ZeroIsNoPort) {
  start({"--health-probe-bind-address=0", "--metrics-bind-address=0", "--page-bind-address=127.0.0.1:0"},
        "page");
  EXPECT_EQ(port("health"), 0);
  EXPECT_EQ(port("metrics"), 0);
}

}  // namespace
}  // namespace storagepool::manager
