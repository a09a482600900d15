#include "pool/auth/paseto/operator_requests.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/auth/testing/mounted_folder.h"
#include "pool/auth/testing/operator_signer.h"
#include "pool/common/json/json.h"

namespace storagepool::auth {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kUid = "7c1e5a3e-0000-4000-8000-000000000001";
constexpr const char* kBodyText = R"({"generation":3})";

class OperatorRequestsTest : public ::testing::Test {
 protected:
  json::Json claims() const { return signer_.claims("PUT", "/admin/settings", kBodyText, wall_); }
  http::Request request(const std::string& token) const {
    http::Request request;
    request.method = "PUT";
    request.path = "/admin/settings";
    request.body = kBodyText;
    if (!token.empty()) request.headers = {{"Authorization", "Bearer " + token}};
    return request;
  }
  std::string signed_by_operator(const json::Json& claims) const {
    return signer_.issuer().token(claims.dump());
  }
  std::string verdict(const http::Request& request) {
    const auto checked = requests_.check_head(request, now_, wall_);
    return checked ? "ok" : std::string(to_string(checked.error()));
  }
  std::string verdict(const json::Json& claims) { return verdict(request(signed_by_operator(claims))); }
  std::string without(const char* claim) {
    json::Json fewer = claims();
    fewer.erase(claim);
    return verdict(fewer);
  }
  std::string with(const char* claim, const json::Json& value) {
    json::Json other = claims();
    other[claim] = value;
    return verdict(other);
  }
  std::string at(seconds from_now) { return runtime::format_timestamp(wall_ + from_now); }

  static constexpr milliseconds kReread{1000};
  testing::OperatorSigner signer_{kUid};
  testing::MountedFolder mounted_{{{"operator-keys", signer_.public_key() + "\n"}}};
  OperatorRequests requests_{mounted_.path("operator-keys"), kUid, kReread};
  std::chrono::steady_clock::time_point now_{};
  runtime::Timestamp wall_ = *runtime::parse_timestamp("2026-03-04T05:06:07Z");
};

TEST_F(OperatorRequestsTest, AdmitsWhatTheOperatorSigned) {
  EXPECT_EQ(verdict(claims()), "ok");
  EXPECT_TRUE(is_body_of_token(request(signed_by_operator(claims()))));
}

TEST_F(OperatorRequestsTest, WantsEveryClaimAsATextAndNoOther) {
  for (const char* claim : {"aud", "method", "path", "body", "iat", "nbf", "exp"}) {
    EXPECT_EQ(without(claim), "invalid") << claim;
    EXPECT_EQ(with(claim, nullptr), "invalid") << claim;
    EXPECT_EQ(with(claim, 1), "invalid") << claim;
    EXPECT_EQ(with(claim, json::Json::array({claims()[claim]})), "invalid") << claim;
  }
  for (const char* claim : {"aud", "method", "path", "iat"}) EXPECT_EQ(with(claim, ""), "invalid") << claim;
  EXPECT_EQ(with("scope", "write"), "invalid");
  for (const char* message : {"", "[]", "null", "{}", "{\"aud\":"}) {
    EXPECT_EQ(verdict(request(signer_.issuer().token(std::string(message) + " "))), "invalid") << message;
  }
}

TEST_F(OperatorRequestsTest, IsForOnePodAndOneRequest) {
  EXPECT_EQ(with("aud", "another"), "invalid");
  EXPECT_EQ(with("method", "GET"), "invalid");
  EXPECT_EQ(with("method", "put"), "invalid");
  EXPECT_EQ(with("path", "/admin/leaving"), "invalid");
  EXPECT_EQ(with("path", "/admin/settings?x=1"), "invalid");
  EXPECT_EQ(with("path", "/admin/settings#x"), "invalid");
  http::Request queried = request(signed_by_operator(claims()));
  queried.query = {{"x", "1"}};
  EXPECT_EQ(verdict(queried), "invalid");
  json::Json with_query = claims();
  with_query["path"] = "/admin/settings?x=1";
  queried.headers = {{"Authorization", "Bearer " + signed_by_operator(with_query)}};
  EXPECT_EQ(verdict(queried), "ok");
  OperatorRequests of_nobody(mounted_.path("operator-keys"), "", kReread);
  EXPECT_EQ(of_nobody.check_head(request(signed_by_operator(claims())), now_, wall_).error(),
            Refusal::kInvalidToken);
  json::Json for_nobody = claims();
  for_nobody["aud"] = "";
  EXPECT_EQ(of_nobody.check_head(request(signed_by_operator(for_nobody)), now_, wall_).error(),
            Refusal::kInvalidToken);
}

TEST_F(OperatorRequestsTest, IsValidForItsTimeAndAMinuteEitherSide) {
  EXPECT_EQ(with("exp", at(seconds{-59})), "ok");
  EXPECT_EQ(with("exp", at(seconds{-60})), "expired");
  for (const char* claim : {"iat", "nbf"}) {
    EXPECT_EQ(with(claim, at(seconds{60})), "ok") << claim;
    EXPECT_EQ(with(claim, at(seconds{61})), "invalid") << claim;
  }
  for (const char* claim : {"iat", "nbf", "exp"}) EXPECT_EQ(with(claim, "soon"), "invalid") << claim;
}

TEST_F(OperatorRequestsTest, ABodyIsTheOneThatWasSigned) {
  http::Request other = request(signed_by_operator(claims()));
  other.body += " ";
  EXPECT_EQ(verdict(other), "ok") << "the head is the operator's";
  EXPECT_FALSE(is_body_of_token(other));
  other.body.clear();
  EXPECT_FALSE(is_body_of_token(other));
  EXPECT_FALSE(is_body_of_token(request("")));
  EXPECT_FALSE(is_body_of_token(request("v4.public.AAAA")));
}

TEST_F(OperatorRequestsTest, TakesNobodyElsesTokens) {
  EXPECT_EQ(verdict(request("")), "missing");
  EXPECT_EQ(verdict(request("two words")), "malformed");
  EXPECT_EQ(verdict(request("an-admin-token-of-old")), "invalid");
  EXPECT_EQ(verdict(request("v4.local.AAAA")), "invalid");
  const testing::OperatorSigner another(kUid, 8);
  EXPECT_EQ(verdict(request(another.issuer().token(claims().dump()))), "invalid");
  EXPECT_EQ(verdict(request(signer_.issuer().token(claims().dump(), "footer"))), "invalid");
  EXPECT_EQ(verdict(request(signer_.issuer().token(claims().dump(), "", "implicit"))), "invalid");
  std::string tampered = signed_by_operator(claims());
  tampered[20] = tampered[20] == 'A' ? 'B' : 'A';
  EXPECT_EQ(verdict(request(tampered)), "invalid");
}

TEST_F(OperatorRequestsTest, KeysAreReadAnewAndMayOverlap) {
  const testing::OperatorSigner next(kUid, 8);
  const auto from_next = [&] { return verdict(request(next.issuer().token(claims().dump()))); };
  EXPECT_EQ(from_next(), "invalid");
  mounted_.mount({{"operator-keys", signer_.public_key() + "\n" + next.public_key() + "\n"}});
  EXPECT_EQ(from_next(), "invalid") << "not read anew yet";
  now_ += kReread;
  EXPECT_EQ(from_next(), "ok");
  EXPECT_EQ(verdict(claims()), "ok");
  mounted_.mount({{"operator-keys", next.public_key()}});
  now_ += kReread;
  EXPECT_EQ(verdict(claims()), "invalid");
  EXPECT_EQ(from_next(), "ok");
  EXPECT_THAT(requests_.problems(now_), ElementsAre());
}

TEST_F(OperatorRequestsTest, WithoutKeysNobodyIsAdmittedAndItIsSaid) {
  mounted_.mount({{"operator-keys", "k4.secret.AAAA\n"}});
  EXPECT_EQ(verdict(claims()), "invalid");
  EXPECT_THAT(requests_.problems(now_), ElementsAre(HasSubstr("operator-keys: line 1 is a secret key")));
  mounted_.mount({});
  now_ += kReread;
  EXPECT_EQ(verdict(claims()), "invalid");
  EXPECT_THAT(requests_.problems(now_), ElementsAre(HasSubstr("operator-keys")));
}

// As operator/pods/signer_test.cc makes it.
constexpr const char* kTokenOfTheOperator =
    "v4.public.eyJhdWQiOiJ1aWQtMSIsImJvZHkiOiJmMTJlMjRkY2U1ZGNjZjlhYzk2ZDEzNzc2MTY0ZmMxZW"
    "FiODU4NTJmNjJmMjIwY2I0NzBhZTA3ODJkZTU1ODhkIiwiZXhwIjoiMjAyNi0wMy0wNFQwNTowNjozNy4xMj"
    "M0NTZaIiwiaWF0IjoiMjAyNi0wMy0wNFQwNTowNjowNy4xMjM0NTZaIiwibWV0aG9kIjoiUFVUIiwibmJmIj"
    "oiMjAyNi0wMy0wNFQwNTowNjowNy4xMjM0NTZaIiwicGF0aCI6Ii9hZG1pbi9zZXR0aW5ncz94PTEifVO62G"
    "1IX7AgF5PtwtPuoWA7af9IjPa_lRC-GUse2NZ_-RxMV9XBLYMH6V3AkKQN-heh16b_PYCOgu1qBOlVgwY";

TEST(OperatorRequests, TakesWhatTheOperatorsProgramSigns) {
  const testing::MountedFolder mounted{
      {{"operator-keys", "k4.public.gyClGXfYw4yopJJ8Zw31gh5El2GUXhXp77JqFQnSMOo"}}};
  OperatorRequests requests(mounted.path("operator-keys"), "uid-1", std::chrono::seconds{1});
  http::Request request;
  request.method = "PUT";
  request.path = "/admin/settings";
  request.query = {{"x", "1"}};
  request.body = R"({"generation":3})";
  request.headers = {{"Authorization", std::string("Bearer ") + kTokenOfTheOperator}};
  const auto signed_at = *runtime::parse_timestamp("2026-03-04T05:06:07.123456Z");
  EXPECT_TRUE(requests.check_head(request, {}, signed_at));
  EXPECT_TRUE(is_body_of_token(request));
  EXPECT_EQ(requests.check_head(request, {}, signed_at + std::chrono::seconds{90}).error(),
            Refusal::kExpiredToken);
}

}  // namespace
}  // namespace storagepool::auth
