#include "pool/http/bearer.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace storagepool::http {
namespace {

Request with_authorization(std::vector<std::string> values) {
  Request request;
  request.path = "/admin/settings";
  for (std::string& value : values) request.headers.emplace_back("authorization", std::move(value));
  return request;
}

// The detail of the 401, "" when the request is let in.
std::string refusal(const Request& request, std::string_view expected) {
  const auto response = check_bearer(request, expected);
  if (!response) return "";
  EXPECT_EQ(response->status, 401U);
  EXPECT_EQ(response->headers.at(0).first, "WWW-Authenticate");
  EXPECT_TRUE(response->headers.at(0).second.starts_with("Bearer"));
  const auto body = nlohmann::json::parse(response->body);
  EXPECT_EQ(body["instance"], "/admin/settings");
  return body["detail"];
}

TEST(Bearer, LetsTheTokenIn) {
  EXPECT_EQ(refusal(with_authorization({"Bearer s3cret"}), "s3cret"), "");
}

TEST(Bearer, NamesWhatIsWrong) {
  EXPECT_EQ(refusal(with_authorization({}), "s3cret"), "Missing Authorization header");
  for (const char* value : {"", "s3cret", "Bearer", "Bearer ", "Bearer  s3cret", "Bearer s3cret x",
                            "Basic s3cret", "Bearers3cret", "bearer s3cret"}) {
    EXPECT_EQ(refusal(with_authorization({value}), "s3cret"), "Invalid Authorization header format") << value;
  }
  for (const char* value : {"Bearer s3cre", "Bearer s3crett", "Bearer S3cret", "Bearer x"}) {
    EXPECT_EQ(refusal(with_authorization({value}), "s3cret"), "Invalid or expired token") << value;
  }
}

TEST(Bearer, TwoHeadersAreAmbiguous) {
  EXPECT_EQ(refusal(with_authorization({"Bearer s3cret", "Bearer s3cret"}), "s3cret"),
            "Invalid Authorization header format");
}

TEST(Bearer, AnEmptyExpectedTokenAdmitsNobody) {
  EXPECT_EQ(refusal(with_authorization({"Bearer x"}), ""), "Invalid or expired token");
  EXPECT_NE(refusal(with_authorization({"Bearer "}), ""), "");
}

TEST(Bearer, TheAnswerNeverHoldsATokenGivenOrExpected) {
  const auto response = check_bearer(with_authorization({"Bearer given-token"}), "expected-token");
  ASSERT_TRUE(response);
  std::string all = response->body;
  for (const auto& [name, value] : response->headers) all += name + value;
  EXPECT_EQ(all.find("given-token"), std::string::npos);
  EXPECT_EQ(all.find("expected-token"), std::string::npos);
}

}  // namespace
}  // namespace storagepool::http
