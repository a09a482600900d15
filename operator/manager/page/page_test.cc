#include "operator/manager/page/page.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/http/testing/loopback.h"

namespace storagepool::manager {
namespace {

using http::testing::Answer;
using http::testing::ask;
using http::testing::Client;
using http::testing::eventually;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kToken = "a.token-of_somebody";

std::string get(const std::string& target, const std::string& authorization = {}) {
  return "GET " + target + " HTTP/1.1\r\nHost: h\r\n" +
         (authorization.empty() ? "" : "Authorization: " + authorization + "\r\n") + "\r\n";
}

class PageTest : public ::testing::Test {
 protected:
  void serve(Page::Read read) {
    page_.emplace(std::move(read), [](const kube::ObjectKey&) { return Answers(); });
    page_->add_routes(router_);
    server_ = std::make_unique<http::testing::LoopbackServer>(http::Limits(), router_.handler());
  }
  // Everybody sees one StoragePool.
  void serve_one() {
    serve([this](const Onlooker& who, const std::stop_token&) -> StoragePools {
      seen_.push_back(who.token + "@" + who.name_space);
      return std::vector<kube::Json>{{{"metadata", {{"namespace", "team"}, {"name", "audit"}}}}};
    });
  }
  void serve_error(kube::ApiError error) {
    serve([error](const Onlooker&, const std::stop_token&) -> StoragePools { return tl::unexpected(error); });
  }
  Answer state(const std::string& authorization, const std::string& query = {}) {
    return ask(server_->port(), get("/ui/state" + query, authorization));
  }

  http::Router router_;
  std::optional<Page> page_;
  std::unique_ptr<http::testing::LoopbackServer> server_;
  std::vector<std::string> seen_;
};

TEST_F(PageTest, ShowsWhatTheTokenMaySee) {
  serve_one();
  const Answer answer = state(std::string("Bearer ") + kToken, "?namespace=team");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(kube::Json::parse(answer.body)["servers"][0]["storagePools"][0]["name"], "audit");
  EXPECT_EQ(seen_, std::vector<std::string>{std::string(kToken) + "@team"});
}

TEST_F(PageTest, AsksNobodyWithoutATokenThatCouldBeSent) {
  serve_one();
  for (const std::string& authorization :
       {std::string(), std::string("Basic YTpi"), std::string("Bearer"), std::string("Bearer  two words"),
        std::string("Bearer \xc3\xa4"), "Bearer " + std::string(8193, 'x')}) {
    const Answer answer = state(authorization);
    EXPECT_EQ(answer.status, 401U) << authorization;
    EXPECT_EQ(answer.headers.at("www-authenticate"), "Bearer");
  }
  EXPECT_TRUE(seen_.empty());
}

TEST_F(PageTest, PassesOnWhatTheApiServerSays) {
  const std::vector<std::pair<kube::ApiError, unsigned>> cases{
      {{.status = 401, .reason = "Unauthorized", .message = "who?"}, 401U},
      {{.status = 403, .reason = "Forbidden", .message = "not all namespaces"}, 403U},
      {{.status = 500, .reason = "InternalError", .message = "sick"}, 503U},
      {{.reason = std::string(kube::kReasonTimeout), .message = "late"}, 503U}};
  for (const auto& [error, status] : cases) {
    router_ = http::Router();
    serve_error(error);
    const Answer answer = state(std::string("Bearer ") + kToken);
    EXPECT_EQ(answer.status, status);
    EXPECT_THAT(answer.body, HasSubstr(error.message));
    EXPECT_THAT(answer.body, Not(HasSubstr(kToken)));
    server_.reset();
  }
}

TEST_F(PageTest, SoManyWaitAndNoMore) {
  std::atomic<bool> open = false;
  serve([&](const Onlooker&, const std::stop_token&) -> StoragePools {
    eventually([&] { return open.load(); });
    return std::vector<kube::Json>();
  });
  const std::string request = get("/ui/state", std::string("Bearer ") + kToken);
  std::vector<std::unique_ptr<Client>> waiting;
  for (std::size_t i = 0; i <= Page::kMostWaiting; ++i) {
    waiting.push_back(std::make_unique<Client>(server_->port()));
    waiting.back()->send(request);
  }
  // One of them, whichever was the last to be read.
  auto late = waiting.end();
  ASSERT_TRUE(eventually([&] {
    late = std::ranges::find_if(
        waiting, [](const auto& client) { return client->readable(std::chrono::milliseconds(0)); });
    return late != waiting.end();
  }));
  const Answer refused = *(*late)->read();
  EXPECT_EQ(refused.status, 503U);
  EXPECT_EQ(refused.headers.at("retry-after"), "1");
  waiting.erase(late);
  open = true;
  for (const auto& client : waiting) EXPECT_EQ(client->read()->status, 200U);
}

TEST_F(PageTest, AReadUnderWayEndsWithThePage) {
  std::atomic<bool> reading = false;
  serve([&](const Onlooker&, const std::stop_token& stop) -> StoragePools {
    reading = true;
    EXPECT_TRUE(eventually([&] { return stop.stop_requested(); }));
    return std::vector<kube::Json>();
  });
  Client client(server_->port());
  client.send(get("/ui/state", std::string("Bearer ") + kToken));
  ASSERT_TRUE(eventually([&] { return reading.load(); }));
  server_.reset();
  page_.reset();
}

TEST_F(PageTest, ItsFilesLoadNothingFromElsewhere) {
  serve_one();
  for (const auto& [path, type] : std::vector<std::pair<std::string, std::string>>{
           {"/ui", "text/html"}, {"/ui/page.css", "text/css"}, {"/ui/page.js", "text/javascript"}}) {
    const Answer answer = ask(server_->port(), get(path));
    EXPECT_EQ(answer.status, 200U) << path;
    EXPECT_THAT(answer.headers.at("content-type"), HasSubstr(type));
    EXPECT_THAT(answer.headers.at("content-security-policy"), HasSubstr("default-src 'none'"));
    EXPECT_EQ(answer.headers.at("x-content-type-options"), "nosniff");
    EXPECT_EQ(answer.headers.at("cache-control"), "no-store");
    for (const char* other : {"https://", "innerHTML", "eval(", "style=", "onclick="})
      EXPECT_THAT(answer.body, Not(HasSubstr(other))) << path;
  }
  EXPECT_EQ(ask(server_->port(), get("/")).headers.at("location"), "/ui");
  EXPECT_EQ(ask(server_->port(), "POST /ui/state HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").status,
            405U);
}

}  // namespace
}  // namespace storagepool::manager
