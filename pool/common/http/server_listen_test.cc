// Where a server listens: this program's own socket stands in front of the system's and can have no IPv6.
#include <atomic>
#include <cerrno>
#include <string>

#include <dlfcn.h>
#include <sys/socket.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gmock/gmock.h>

#include "pool/common/http/server.h"
#include "pool/common/http/testing/loopback.h"

namespace {

std::atomic<bool>& host_without_ipv6() {
  static std::atomic<bool> instance = false;
  return instance;
}

}  // namespace

extern "C" int socket(int domain, int type, int protocol) {
  if (domain == AF_INET6 && host_without_ipv6()) {
    errno = EAFNOSUPPORT;
    return -1;
  }
  using Socket = int (*)(int, int, int);
  static const auto next = reinterpret_cast<Socket>(::dlsym(RTLD_NEXT, "socket"));
  return next(domain, type, protocol);
}

namespace storagepool::http {
namespace {

class Listen : public ::testing::Test {
 protected:
  ~Listen() override { host_without_ipv6() = false; }

  // Whether a connection to this address comes about.
  bool reachable(const char* address, std::uint16_t port) {
    boost::asio::ip::tcp::socket socket(loop_);
    boost::system::error_code error;
    socket.connect({boost::asio::ip::make_address(address), port}, error);
    return !error;
  }

  boost::asio::io_context loop_;
  Server server_{loop_.get_executor(), {}, testing::echo};
};

TEST_F(Listen, TheUnspecifiedIPv6AddressTakesBothFamilies) {
  boost::asio::ip::tcp::acceptor probe(loop_);
  boost::system::error_code none;
  probe.open(boost::asio::ip::tcp::v6(), none);
  if (none) GTEST_SKIP() << "this host has no IPv6";
  const auto port = server_.listen("::", 0);
  ASSERT_TRUE(port) << port.error();
  EXPECT_TRUE(reachable("127.0.0.1", *port));
  EXPECT_TRUE(reachable("::1", *port));
}

TEST_F(Listen, WithoutIPv6ItTakesIPv4) {
  host_without_ipv6() = true;
  const auto port = server_.listen("::", 0);
  ASSERT_TRUE(port) << port.error();
  EXPECT_TRUE(reachable("127.0.0.1", *port));
}

TEST_F(Listen, AnAddressThatIsAskedForIsNoOther) {
  host_without_ipv6() = true;
  const auto port = server_.listen("::1", 0);
  ASSERT_FALSE(port);
  EXPECT_THAT(port.error(), ::testing::StartsWith("cannot listen on ::1 port 0: "));
}

}  // namespace
}  // namespace storagepool::http
