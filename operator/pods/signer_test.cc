#include "operator/pods/signer.h"

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "pool/common/encoding/testing/paseto_vectors.h"

namespace storagepool::pods {
namespace {

using encoding::testing::kVectorMessage;
using encoding::testing::kVectorSeed;
using encoding::testing::paseto_vectors;
using encoding::testing::PasetoVector;

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

TEST(Signer, MakesTheOfficialVectors) {
  const Signer signer(from_hex(kVectorSeed));
  for (const PasetoVector& vector : paseto_vectors()) {
    EXPECT_EQ(signer.sign(kVectorMessage, vector.footer, vector.implicit_assertion), vector.token)
        << vector.name;
  }
}

TEST(Signer, TellsItsPublicKeyAsPaserk) {
  EXPECT_EQ(Signer(std::string(kSeedBytes, 'k')).public_key(),
            "k4.public.gyClGXfYw4yopJJ8Zw31gh5El2GUXhXp77JqFQnSMOo");
}

TEST(Signer, WantsASeedOfThirtyTwoBytes) {
  for (const std::size_t size : {0U, 31U, 33U, 64U}) {
    EXPECT_THROW(Signer(std::string(size, 'k')), std::invalid_argument) << size;
  }
}

// A pod is given the same one, by pool/auth/paseto/operator_requests_test.cc.
constexpr const char* kToken =
    "v4.public.eyJhdWQiOiJ1aWQtMSIsImJvZHkiOiJmMTJlMjRkY2U1ZGNjZjlhYzk2ZDEzNzc2MTY0ZmMxZW"
    "FiODU4NTJmNjJmMjIwY2I0NzBhZTA3ODJkZTU1ODhkIiwiZXhwIjoiMjAyNi0wMy0wNFQwNTowNjozNy4xMj"
    "M0NTZaIiwiaWF0IjoiMjAyNi0wMy0wNFQwNTowNjowNy4xMjM0NTZaIiwibWV0aG9kIjoiUFVUIiwibmJmIj"
    "oiMjAyNi0wMy0wNFQwNTowNjowNy4xMjM0NTZaIiwicGF0aCI6Ii9hZG1pbi9zZXR0aW5ncz94PTEifVO62G"
    "1IX7AgF5PtwtPuoWA7af9IjPa_lRC-GUse2NZ_-RxMV9XBLYMH6V3AkKQN-heh16b_PYCOgu1qBOlVgwY";

TEST(Signer, SignsOneRequestToOnePod) {
  const Signer signer(std::string(kSeedBytes, 'k'));
  const runtime::Timestamp now = *runtime::parse_timestamp("2026-03-04T05:06:07.123456Z");
  const SignedRequest request{"uid-1", "PUT", "/admin/settings?x=1", R"({"generation":3})"};
  EXPECT_EQ(signer.token(request, now), kToken);
}

TEST(Signer, AnotherRequestHasAnotherToken) {
  const Signer signer(std::string(kSeedBytes, 'k'));
  const runtime::Timestamp now = *runtime::parse_timestamp("2026-03-04T05:06:07Z");
  const SignedRequest request{"uid-1", "GET", "/admin/facts", ""};
  const std::string token = signer.token(request, now);
  EXPECT_EQ(signer.token(request, now), token);
  EXPECT_NE(signer.token({"uid-2", "GET", "/admin/facts", ""}, now), token);
  EXPECT_NE(signer.token({"uid-1", "PUT", "/admin/facts", ""}, now), token);
  EXPECT_NE(signer.token({"uid-1", "GET", "/admin/settings", ""}, now), token);
  EXPECT_NE(signer.token({"uid-1", "GET", "/admin/facts", "{}"}, now), token);
  EXPECT_NE(signer.token(request, now + kTokenLife), token);
}

TEST(RepeatedTokens, ARequestIsSignedAnewWhileItsTokenHasLifeLeft) {
  const Signer signer(std::string(kSeedBytes, 'k'));
  RepeatedTokens tokens;
  const runtime::Timestamp now = *runtime::parse_timestamp("2026-03-04T05:06:07Z");
  const SignedRequest request{"uid-1", "GET", "/admin/settings", ""};
  const std::string first = tokens.token(signer, request, now);
  EXPECT_EQ(first, signer.token(request, now));
  EXPECT_EQ(tokens.token(signer, request, now + kTokenReuse - std::chrono::milliseconds(1)), first);
  EXPECT_EQ(tokens.token(signer, request, now + kTokenReuse), signer.token(request, now + kTokenReuse));
  EXPECT_LT(kTokenReuse, kTokenLife);
}

TEST(RepeatedTokens, EachPathHasItsOwnAndAClockThatWasSetBackSignsAnew) {
  const Signer signer(std::string(kSeedBytes, 'k'));
  RepeatedTokens tokens;
  const runtime::Timestamp now = *runtime::parse_timestamp("2026-03-04T05:06:07Z");
  const SignedRequest report{"uid-1", "GET", "/admin/settings", ""};
  const SignedRequest facts{"uid-1", "GET", "/admin/facts", ""};
  tokens.token(signer, report, now);
  EXPECT_EQ(tokens.token(signer, facts, now), signer.token(facts, now));
  const auto earlier = now - std::chrono::seconds(1);
  EXPECT_EQ(tokens.token(signer, report, earlier), signer.token(report, earlier));
}

}  // namespace
}  // namespace storagepool::pods
