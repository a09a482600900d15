#include "pool/common/http/message/response_head.h"

#include <gmock/gmock.h>

#include "pool/common/http/message/request_id.h"

namespace storagepool::http {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

const std::chrono::system_clock::time_point kNow{std::chrono::seconds(784111777)};
constexpr std::chrono::milliseconds kKept{75'999};  // told in whole seconds, never more than it is

TEST(ResponseHead, IsCompleteAndInOrder) {
  Response response;
  response.status = 201;
  response.body = "{}";
  response.headers = {{"Location", "/x"}};
  EXPECT_EQ(format_head(response, "id-1", kKept, kNow),
            "HTTP/1.1 201 Created\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nX-Request-Id: id-1\r\n"
            "Content-Type: application/json\r\nContent-Length: 2\r\nConnection: keep-alive\r\nKeep-Alive: "
            "timeout=75\r\nLocation: /x\r\n\r\n");
}

TEST(ResponseHead, StatusesWithoutBodyHaveNoLength) {
  Response response;
  response.status = 204;
  const std::string head = format_head(response, "i", std::nullopt, kNow);
  EXPECT_THAT(head, Not(HasSubstr("Content-")));
  EXPECT_THAT(head, Not(HasSubstr("Keep-Alive")));
  EXPECT_THAT(head, HasSubstr("\r\nConnection: close\r\n"));
}

TEST(ResponseHead, FieldsOfTheServerAreNotSentTwice) {
  Response response;
  response.headers = {{"content-length", "7"}, {"Transfer-Encoding", "chunked"},
                      {"DATE", "x"},           {"connection", "upgrade"},
                      {"x-request-id", "x"},   {"Content-type", "x"},
                      {"keep-alive", "x"}};
  const std::string head = format_head(response, "i", kKept, kNow);
  EXPECT_THAT(head, HasSubstr("Content-Length: 0\r\n"));
  EXPECT_EQ(std::count(head.begin(), head.end(), '\n'), 8);
}

TEST(ResponseHead, WhatCouldSplitTheResponseIsNotSendable) {
  const auto with = [](std::string name, std::string value) {
    Response response;
    response.headers.emplace_back(std::move(name), std::move(value));
    return response;
  };
  EXPECT_TRUE(sendable(with("X-A", "tab\tand \xC3\xA9")));
  EXPECT_FALSE(sendable(with("X-A", "a\r\nSet-Cookie: x")));
  EXPECT_FALSE(sendable(with("X-A", "a\nb")));
  EXPECT_FALSE(sendable(with("X-A", std::string("a\0b", 3))));
  EXPECT_FALSE(sendable(with("X A", "a")));
  EXPECT_FALSE(sendable(with("X-A:", "a")));
  EXPECT_FALSE(sendable(with("", "a")));
  Response response;
  response.content_type = "a\r\nb";
  EXPECT_FALSE(sendable(response));
}

TEST(RequestId, IsKeptWhenSaneElseMade) {
  EXPECT_EQ(request_id("a b~!"), "a b~!");
  EXPECT_EQ(request_id(std::string(128, 'x')), std::string(128, 'x'));
  for (const std::string& bad :
       {std::string(), std::string(129, 'x'), std::string("a\tb"), std::string("\xC3\xA9")}) {
    EXPECT_THAT(request_id(bad), MatchesRegex("[0-9a-f]{32}"));
  }
  EXPECT_NE(request_id(std::nullopt), request_id(std::nullopt));
}

}  // namespace
}  // namespace storagepool::http
