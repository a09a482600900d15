#include "operator/kube/transport/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::kube {
namespace {

using ::testing::HasSubstr;

TEST(ServerUrlTest, PortsAndHosts) {
  EXPECT_EQ(split_server("https://h:65535/a//", "server")->path, "/a");
  for (const char* bad : {"https://", "https://:1", "https://h:0", "https://h:65536",
                          "https://h:", "https://h:1x", "https://[::1]:6443", "https://h?x", "https://h x"}) {
    const auto url = split_server(bad, "server");
    ASSERT_FALSE(url) << bad;
    EXPECT_THAT(url.error(), HasSubstr(bad));
  }
}

TEST(ResourceTest, EscapesAllButUnreserved) {
  EXPECT_EQ(escape_url("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(escape_url("a=b,c in (d)"), "a%3Db%2Cc%20in%20%28d%29");
  EXPECT_EQ(escape_url("ä+%"), "%C3%A4%2B%25");
  EXPECT_EQ(escape_url(std::string_view("\0\xff", 2)), "%00%FF");
}

}  // namespace
}  // namespace storagepool::kube
