#include "operator/manager/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/testing/fake_transport.h"
#include "operator/kube/transport/testing/loopback_server.h"

namespace storagepool::manager {
namespace {

using kube::ApiError;
using kube::ApiRequest;
using testing::HasSubstr;

std::string why_not(const ApiError& error) {
  kube::FakeTransport transport(
      [&](const ApiRequest&) -> tl::expected<std::string, ApiError> { return tl::unexpected(error); });
  const auto found = check_storage_pools(transport);
  return found ? "" : found.error();
}

TEST(Check, ListsOneStoragePool) {
  kube::FakeTransport transport([](const ApiRequest&) { return std::string("{}"); });
  EXPECT_TRUE(check_storage_pools(transport));
  ASSERT_EQ(transport.requests().size(), 1U);
  EXPECT_EQ(transport.requests()[0].path, "/apis/storagepool.dev/v1alpha1/storagepools");
  EXPECT_EQ(kube::parameter(transport.requests()[0].query, "limit"), "1");
}

TEST(Check, SaysThatTheCrdIsMissing) {
  EXPECT_THAT(why_not({.status = 404, .reason = "NotFound", .message = "page not found"}),
              HasSubstr("storagepools.storagepool.dev is not installed"));
}

TEST(Check, HasTheServersWordsForAllElse) {
  EXPECT_THAT(why_not({.status = 403, .reason = "Forbidden", .message = "may not list"}),
              HasSubstr("may not list"));
}

tl::expected<void, std::string> metrics_answer(const std::string& answer) {
  kube::LoopbackServer server(
      [&](const kube::LoopbackConnection& connection, const std::string&) { connection.send(answer); });
  return check_metrics("127.0.0.1", static_cast<std::uint16_t>(server.port()));
}

TEST(Check, AnOperatorIsReadyWhoseMetricsAnswer) {
  EXPECT_TRUE(metrics_answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup"));
}

TEST(Check, SaysWhatElseAnsweredOrThatNothingDid) {
  EXPECT_EQ(metrics_answer("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").error(), "answered 503");
  int port = 0;
  {
    const kube::LoopbackServer gone([](const kube::LoopbackConnection&, const std::string&) {});
    port = gone.port();
  }
  EXPECT_THAT(check_metrics("127.0.0.1", static_cast<std::uint16_t>(port)).error(), HasSubstr("refused"));
}

}  // namespace
}  // namespace storagepool::manager
