#include "pool/common/http/router.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>

namespace storagepool::http {
namespace {

boost::asio::awaitable<Response> answer(std::string name, Request& request) {
  Response response;
  response.body = name;
  for (const auto& [key, value] : request.parameters) response.body += " " + key + "=" + value;
  co_return response;
}

Handler named(const std::string& name) {
  return [name](Request& request) { return answer(name, request); };
}

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() {
    router_.add("GET", "/", named("root"));
    router_.add("GET", "/events", named("list"));
    router_.add("POST", "/events", named("create"));
    router_.add("GET", "/events/{event_id}", named("get"));
    router_.add("POST", "/events/batch", named("batch"));
    router_.add("DELETE", "/w/{workspace}/events/{event_id}", named("drop"));
    router_.add_below("GET", "/w/{workspace}/tile/{tile}", named("tile"));
  }
  Response handle(const std::string& method, const std::string& path) {
    boost::asio::io_context loop;
    Request request;
    request.method = method;
    request.path = path;
    auto response = boost::asio::co_spawn(loop, router_.handler()(request), boost::asio::use_future);
    loop.run();
    return response.get();
  }
  static std::string allow(const Response& response) {
    return response.headers.empty() ? ""
                                    : response.headers.front().first + ": " + response.headers.front().second;
  }
  Router router_;
};

TEST_F(RouterTest, FindsTheHandlerAndItsParameters) {
  EXPECT_EQ(handle("GET", "/").body, "root");
  EXPECT_EQ(handle("GET", "/events").body, "list");
  EXPECT_EQ(handle("POST", "/events").body, "create");
  EXPECT_EQ(handle("GET", "/events/42").body, "get event_id=42");
  EXPECT_EQ(handle("DELETE", "/w/a b/events/7").body, "drop event_id=7 workspace=a b");
}

TEST_F(RouterTest, TheRestOfAPathMayHaveSlashes) {
  EXPECT_EQ(handle("GET", "/w/a/tile/0/x001/067.p/3").body, "tile tile=0/x001/067.p/3 workspace=a");
  EXPECT_EQ(handle("GET", "/w/a/tile/0").body, "tile tile=0 workspace=a");
  EXPECT_EQ(handle("GET", "/w/a/tile/0/").body, "tile tile=0/ workspace=a");
  EXPECT_EQ(handle("GET", "/w/a/tile/").status, 404U);
  EXPECT_EQ(handle("GET", "/w/a/tile").status, 404U);
  EXPECT_EQ(router_.pattern_of("/w/a/tile/0/001"), "/w/{workspace}/tile/{tile}");
}

TEST_F(RouterTest, LiteralsWinOverParameters) {
  EXPECT_EQ(handle("POST", "/events/batch").body, "batch");
  const Response refused = handle("GET", "/events/batch");
  EXPECT_EQ(refused.status, 405U);
  EXPECT_EQ(allow(refused), "Allow: OPTIONS, POST");
}

TEST_F(RouterTest, TellsThePatternOfAPath) {
  EXPECT_EQ(router_.pattern_of("/events/42"), "/events/{event_id}");
  EXPECT_EQ(router_.pattern_of("/events/batch"), "/events/batch");
  EXPECT_EQ(router_.pattern_of("/w/a/events/7"), "/w/{workspace}/events/{event_id}");
  EXPECT_EQ(router_.pattern_of("/events/"), "");
  EXPECT_EQ(router_.pattern_of(""), "");
}

TEST_F(RouterTest, ListsItsRoutes) {
  EXPECT_THAT(
      router_.routes(),
      ::testing::ElementsAre(::testing::Pair("GET", "/"), ::testing::Pair("GET", "/events"),
                             ::testing::Pair("POST", "/events"), ::testing::Pair("GET", "/events/{event_id}"),
                             ::testing::Pair("POST", "/events/batch"),
                             ::testing::Pair("DELETE", "/w/{workspace}/events/{event_id}"),
                             ::testing::Pair("GET", "/w/{workspace}/tile/{tile}")));
}

TEST_F(RouterTest, UnknownPathsAreNotFoundWhateverTheMethod) {
  for (const char* path : {"/event", "/events/", "/events/1/2", "//", "", "*", "events", "/w//events/7"}) {
    for (const char* method : {"GET", "BREW", "HEAD"}) EXPECT_EQ(handle(method, path).status, 404U) << path;
  }
  EXPECT_EQ(handle("OPTIONS", "/nowhere").status, 404U);
}

TEST_F(RouterTest, OtherMethodsAreRefusedWithAllow) {
  const Response refused = handle("BREW", "/events");
  EXPECT_EQ(refused.status, 405U);
  EXPECT_EQ(allow(refused), "Allow: GET, HEAD, OPTIONS, POST");
  EXPECT_EQ(handle("HEAD", "/w/a/events/7").status, 405U);
  EXPECT_EQ(handle("get", "/events").status, 405U);  // methods are case-sensitive
}

TEST_F(RouterTest, HeadIsGetAndOptionsTellsWhatIsAllowed) {
  EXPECT_EQ(handle("HEAD", "/events").body, "list");
  const Response options = handle("OPTIONS", "/events/42");
  EXPECT_EQ(options.status, 204U);
  EXPECT_EQ(options.body, "");
  EXPECT_EQ(allow(options), "Allow: GET, HEAD, OPTIONS");
  EXPECT_EQ(allow(handle("OPTIONS", "*")), "Allow: DELETE, GET, HEAD, OPTIONS, POST");
}

}  // namespace
}  // namespace storagepool::http
