#include "pool/auth/tokens/bearer.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace storagepool::auth {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

http::Request with_authorization(const std::vector<std::string>& values) {
  http::Request request;
  request.path = "/admin/settings";
  for (const std::string& value : values) request.headers.emplace_back("authorization", value);
  return request;
}

tl::expected<std::string, Refusal> token_of(const std::vector<std::string>& values) {
  return bearer_token(with_authorization(values)).map([](std::string_view token) {
    return std::string(token);
  });
}

TEST(BearerToken, IsWhatFollowsTheScheme) {
  EXPECT_EQ(token_of({"Bearer s3cret"}), "s3cret");
  EXPECT_EQ(token_of({"Bearer v4.public.a-b_c"}), "v4.public.a-b_c");
}

TEST(BearerToken, NamesWhatIsWrong) {
  EXPECT_EQ(token_of({}), tl::unexpected(Refusal::kMissingHeader));
  for (const char* value : {"", "s3cret", "Bearer", "Bearer ", "Bearer  s3cret", "Bearer s3cret x",
                            "Bearer s3cret\t", "Basic s3cret", "Bearers3cret", "bearer s3cret"}) {
    EXPECT_EQ(token_of({value}), tl::unexpected(Refusal::kMalformedHeader)) << value;
  }
}

TEST(BearerToken, TwoHeadersAreAmbiguous) {
  EXPECT_EQ(token_of({"Bearer s3cret", "Bearer s3cret"}), tl::unexpected(Refusal::kMalformedHeader));
}

TEST(Refused, AnswersAsTheContractSays) {
  const struct {
    Refusal refusal;
    unsigned status;
    std::string detail;
    std::string challenge;
  } expected[] = {{Refusal::kMissingHeader, 401, "Missing Authorization header", "Bearer"},
                  {Refusal::kMalformedHeader, 401, "Invalid Authorization header format",
                   "Bearer error=\"invalid_request\""},
                  {Refusal::kInvalidToken, 401, "Invalid or expired token", "Bearer error=\"invalid_token\""},
                  {Refusal::kExpiredToken, 401, "Invalid or expired token", "Bearer error=\"invalid_token\""},
                  {Refusal::kForbidden, 403, "the token lacks the scope \"read\", which this request needs",
                   "Bearer error=\"insufficient_scope\", scope=\"read\""}};
  for (const auto& each : expected) {
    http::Request request = with_authorization({"Bearer given-token"});
    request.access = http::no_access();
    const http::Response response = refused(request, each.refusal);
    EXPECT_EQ(response.status, each.status);
    ASSERT_EQ(response.headers.size(), 1U);
    EXPECT_EQ(response.headers[0].first, "WWW-Authenticate");
    EXPECT_EQ(response.headers[0].second, each.challenge);
    const auto body = nlohmann::json::parse(response.body);
    EXPECT_EQ(body["detail"], each.detail);
    EXPECT_EQ(body["instance"], "/admin/settings");
    EXPECT_THAT(response.body, Not(HasSubstr("given-token")));
  }
}

TEST(Forbidden, NamesTheMissingScope) {
  http::Request request = with_authorization({});
  request.access = http::no_access();
  const http::Response response = forbidden(request, "write");
  EXPECT_EQ(response.status, 403U);
  EXPECT_EQ(response.headers[0].second, "Bearer error=\"insufficient_scope\", scope=\"write\"");
  EXPECT_EQ(nlohmann::json::parse(response.body)["type"], "https://storagepool.dev/problems/forbidden");
}

TEST(Forbidden, SaysThatNobodyHasAScopeWhereNobodyIsToldApart) {
  const http::Response response = forbidden(with_authorization({}), "admin");
  EXPECT_EQ(response.status, 403U);
  EXPECT_EQ(
      nlohmann::json::parse(response.body)["detail"],
      "this request needs the scope \"admin\", which nobody has while nobody is told apart (auth.mode None)");
}

TEST(ForbiddenPlace, NamesTheWorkspaceOrTheSystemDatabase) {
  const http::Response response = forbidden_place(with_authorization({}), "team-a");
  EXPECT_EQ(response.status, 403U);
  EXPECT_EQ(response.headers[0].second, "Bearer error=\"insufficient_scope\"");
  EXPECT_EQ(nlohmann::json::parse(response.body)["detail"], "the token is not for the workspace team-a");
  EXPECT_EQ(nlohmann::json::parse(forbidden_place(with_authorization({}), "").body)["detail"],
            "the token is not for the system database");
}

}  // namespace
}  // namespace storagepool::auth
