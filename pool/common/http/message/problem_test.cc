#include "pool/common/http/message/problem.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace storagepool::http {
namespace {

TEST(Problem, HasTheMembersOfRfc9457InOrder) {
  const Response response =
      problem(ProblemKind::kValidationError, "limit is 0, allowed is 1 to 1000", "/api/v1/audit/events");
  EXPECT_EQ(response.status, 400U);
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_EQ(
      response.body,
      R"({"type":"https://storagepool.dev/problems/validation-error","title":"Validation Error","status":400,)"
      R"("detail":"limit is 0, allowed is 1 to 1000","instance":"/api/v1/audit/events"})");
}

TEST(Problem, ListsTheFieldsWithEveryMessage) {
  const auto body = nlohmann::json::parse(problem(ProblemKind::kValidationError, "d", "/p",
                                                  {{"version", "a"}, {"event_type", "b"}, {"version", "c"}})
                                              .body);
  EXPECT_EQ(body["field_errors"], nlohmann::json({{"version", "a; c"}, {"event_type", "b"}}));
}

TEST(Problem, LeavesOutAnUnknownInstance) {
  EXPECT_FALSE(nlohmann::json::parse(problem(ProblemKind::kInternal, "d", "").body).contains("instance"));
}

TEST(Problem, HostileBytesStayValidJson) {
  const auto body = nlohmann::json::parse(
      problem(ProblemKind::kNotFound, "\xff\"\n\x01", "/\xc3", {{"f\xff", "\xed\xa0\x80"}}).body);
  EXPECT_EQ(body["detail"], "\xEF\xBF\xBD\"\n\x01");
  EXPECT_EQ(body["instance"], "/\xEF\xBF\xBD");
}

TEST(Problem, EveryKindHasItsSlugAndStatus) {
  const std::vector<std::tuple<ProblemKind, std::string, unsigned>> kinds = {
      {ProblemKind::kValidationError, "validation-error", 400},
      {ProblemKind::kUnauthorized, "unauthorized", 401},
      {ProblemKind::kForbidden, "forbidden", 403},
      {ProblemKind::kNotFound, "not-found", 404},
      {ProblemKind::kMethodNotAllowed, "method-not-allowed", 405},
      {ProblemKind::kRequestTimeout, "request-timeout", 408},
      {ProblemKind::kConflict, "conflict", 409},
      {ProblemKind::kRequestTooLarge, "request-too-large", 413},
      {ProblemKind::kHeaderTooLarge, "header-too-large", 431},
      {ProblemKind::kUnsupportedMediaType, "unsupported-media-type", 400},
      {ProblemKind::kTooManyRequests, "too-many-requests", 429},
      {ProblemKind::kUnavailable, "unavailable", 503},
      {ProblemKind::kInternal, "internal", 500},
      {ProblemKind::kNotImplemented, "not-implemented", 501},
      {ProblemKind::kHttpVersionNotSupported, "http-version-not-supported", 505}};
  for (const auto& [kind, name, status] : kinds) {
    EXPECT_EQ(slug(kind), name);
    EXPECT_EQ(status_of(kind), status) << name;
    EXPECT_EQ(problem(kind, "d", "/").status, status) << name;
  }
}

}  // namespace
}  // namespace storagepool::http
