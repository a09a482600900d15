#include "operator/manager/operator_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/testing/fake_transport.h"

namespace storagepool::manager {
namespace {

using kube::ApiError;
using kube::ApiRequest;
using kube::Json;
using kube::Method;
using testing::HasSubstr;

constexpr const char* kThirtyTwoAs = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";

std::string secret(const std::string& key) {
  return Json{{"metadata", {{"name", kOperatorKeySecret}}}, {"data", {{"key", key}}}}.dump();
}

TEST(OperatorKey, IsReadWhereItExists) {
  kube::FakeTransport transport([](const ApiRequest&) { return secret(kThirtyTwoAs); });
  const kube::Client client(transport, "test");
  EXPECT_EQ(load_or_create_key(client, "system", kOperatorKeySecret), std::string(32, 'A'));
  ASSERT_EQ(transport.requests().size(), 1U);
  EXPECT_EQ(transport.requests()[0].path, "/api/v1/namespaces/system/secrets/storagepool-operator-key");
}

TEST(OperatorKey, IsMadeOnceOfRandomBytes) {
  std::string stored;
  kube::FakeTransport transport([&](const ApiRequest& request) -> tl::expected<std::string, ApiError> {
    if (request.method == Method::kGet)
      return tl::unexpected(ApiError{.status = 404, .reason = "NotFound", .message = ""});
    stored = request.body;
    return request.body;
  });
  const kube::Client client(transport, "test");
  const auto first = load_or_create_key(client, "system", kOperatorKeySecret);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->size(), 32U);
  EXPECT_NE(load_or_create_key(client, "system", kOperatorKeySecret).value(), *first);
}

TEST(OperatorKey, WhoeverMadeItFirstWins) {
  int gets = 0;
  kube::FakeTransport transport([&](const ApiRequest& request) -> tl::expected<std::string, ApiError> {
    if (request.method == Method::kPost)
      return tl::unexpected(ApiError{.status = 409, .reason = "AlreadyExists", .message = ""});
    if (gets++ == 0) return tl::unexpected(ApiError{.status = 404, .reason = "NotFound", .message = ""});
    return secret(kThirtyTwoAs);
  });
  const kube::Client client(transport, "test");
  EXPECT_EQ(load_or_create_key(client, "system", kOperatorKeySecret), std::string(32, 'A'));
}

TEST(OperatorKey, AnUnusableOneIsNamedAndNotShown) {
  for (const char* key : {"c2hvcnQ=", "%%%", "", "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"}) {
    kube::FakeTransport transport([&](const ApiRequest&) { return secret(key); });
    const kube::Client client(transport, "test");
    const auto loaded = load_or_create_key(client, "system", kOperatorKeySecret);
    ASSERT_FALSE(loaded);
    EXPECT_THAT(loaded.error().message,
                HasSubstr("storagepool-operator-key has no data key `key` of 32 bytes"));
    EXPECT_FALSE(loaded.error().is_transient());
  }
}

TEST(OperatorKey, OtherErrorsAreReturned) {
  kube::FakeTransport transport([](const ApiRequest&) -> tl::expected<std::string, ApiError> {
    return tl::unexpected(ApiError{.status = 403, .reason = "Forbidden", .message = ""});
  });
  const kube::Client client(transport, "test");
  EXPECT_EQ(load_or_create_key(client, "system", kOperatorKeySecret).error().status, 403);
}

}  // namespace
}  // namespace storagepool::manager
