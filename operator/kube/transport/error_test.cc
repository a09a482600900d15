#include "operator/kube/transport/error.h"

#include <gtest/gtest.h>

namespace storagepool::kube {
namespace {

TEST(ErrorTest, TakesReasonAndMessageFromAStatus) {
  const auto error = error_from_response(
      409,
      R"({"kind":"Status","status":"Failure","message":"it has changed","reason":"Conflict","code":409})",
      "");
  EXPECT_EQ(error.status, 409);
  EXPECT_EQ(error.reason, "Conflict");
  EXPECT_EQ(error.message, "it has changed");
  EXPECT_TRUE(error.is_conflict());
  EXPECT_FALSE(error.is_already_exists());
  EXPECT_FALSE(error.is_transient());
  EXPECT_EQ(error.to_string(), "409 Conflict: it has changed");
}

TEST(ErrorTest, TellsAnExistingObjectFromAConflict) {
  const auto error =
      error_from_response(409, R"({"kind":"Status","reason":"AlreadyExists","message":"m"})", "");
  EXPECT_TRUE(error.is_already_exists());
  EXPECT_FALSE(error.is_conflict());
}

TEST(ErrorTest, NamesTheReasonOfABodyThatIsNoStatus) {
  const auto error = error_from_response(503, "<html>upstream away</html>", "7");
  EXPECT_EQ(error.reason, "ServiceUnavailable");
  EXPECT_EQ(error.message, "<html>upstream away</html>");
  EXPECT_EQ(error.retry_after, std::chrono::seconds(7));
  EXPECT_TRUE(error.is_transient());
}

TEST(ErrorTest, TakesRetryAfterFromTheDetailsWhenTheHeaderIsMissing) {
  const auto error =
      error_from_response(429, R"({"kind":"Status","message":"slow","details":{"retryAfterSeconds":3}})", "");
  EXPECT_EQ(error.reason, "TooManyRequests");
  EXPECT_EQ(error.retry_after, std::chrono::seconds(3));
}

TEST(ErrorTest, BoundsWhatTheServerSays) {
  EXPECT_EQ(error_from_response(429, "", "99999").retry_after, std::chrono::minutes(5));
  EXPECT_EQ(error_from_response(429, "", "99999999999999").retry_after.count(), 0);
  EXPECT_EQ(error_from_response(429, "", "soon").retry_after.count(), 0);
  const std::string large = R"({"kind":"Status","message":")" + std::string(100000, 'm') + R"("})";
  EXPECT_LE(error_from_response(500, large, "").message.size(), 2100u);
  EXPECT_LE(error_from_response(500, std::string(100000, 'x'), "").message.size(), 300u);
}

TEST(ErrorTest, CutsAMessageBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "ä";
  const std::string message = error_from_response(500, "x" + text, "").message;
  EXPECT_EQ(message.find("\xC3…"), std::string::npos);
  EXPECT_TRUE(message.ends_with("ä…"));
}

TEST(ErrorTest, AStatusOfTheWrongShapeIsNoTrouble) {
  for (const char* body :
       {"", "null", "[]", "{\"kind\":1}", R"({"kind":"Status","message":5,"reason":[],"details":1})"}) {
    const auto error = error_from_response(410, body, "");
    EXPECT_EQ(error.reason, "Gone") << body;
    EXPECT_FALSE(error.message.empty()) << body;
    EXPECT_TRUE(error.is_gone());
  }
}

}  // namespace
}  // namespace storagepool::kube
