#include "pool/service/access_log.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace storagepool::service {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const runtime::Timestamp kNow{std::chrono::seconds{1'700'000'000}};

http::Exchange some_exchange() {
  http::Exchange exchange;
  exchange.method = "GET";
  exchange.path = "/api/v1/audit/events";
  exchange.query = {{"limit", "5"}, {"detail_value", "secret"}};
  exchange.client = "10.0.0.1";
  exchange.request_id = "r-1";
  exchange.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  exchange.subject = "gateway";
  exchange.bytes_out = 7;
  exchange.status = 200;
  exchange.duration = std::chrono::microseconds{1500};
  return exchange;
}

class AccessLogTest : public ::testing::Test {
 protected:
  std::size_t logged(settings::AccessLog setting, const std::vector<unsigned>& statuses) {
    lines_.clear();
    AccessLog log(setting, routes_, [this](const std::string& line) { lines_.push_back(line); });
    for (const unsigned status : statuses) {
      http::Exchange exchange = some_exchange();
      exchange.status = status;
      log.record(exchange, kNow);
    }
    return lines_.size();
  }
  http::Router routes_;
  std::vector<std::string> lines_;
};

TEST_F(AccessLogTest, IsOneLineOfJson) {
  EXPECT_EQ(access_line(some_exchange(), "/api/v1/audit/events", kNow),
            R"({"time":"2023-11-14T22:13:20.000Z","level":"info","component":"access","message":"request",)"
            R"("method":"GET","route":"/api/v1/audit/events","path":"/api/v1/audit/events",)"
            R"("query":"limit=5&detail_value=*","status":200,"bytesIn":0,"bytesOut":7,"durationMs":1.5,)"
            R"("client":"10.0.0.1","requestId":"r-1","traceId":"4bf92f3577b34da6a3ce929d0e0e4736",)"
            R"("subject":"gateway"})");
}

TEST_F(AccessLogTest, ShowsNoTokenWhereverAClientPutIt) {
  const std::string token = "v4.public." + std::string(60, 'a') + "\r\n\"";
  http::Exchange exchange = some_exchange();
  exchange.path = "/" + token + "/x";
  exchange.query = {{"access_token", "short"}, {token, "1"}, {"limit", token}, {"since", "24h"}};
  const std::string line = access_line(exchange, "", kNow);
  EXPECT_THAT(line, Not(HasSubstr("v4.public")));
  EXPECT_THAT(line, Not(HasSubstr("short")));
  const auto read = nlohmann::json::parse(line);
  EXPECT_EQ(read.at("path"), "/*/x");
  EXPECT_EQ(read.at("query"), "access_token=*&*=*&limit=*&since=24h");
}

TEST_F(AccessLogTest, LogsWhatItIsToldTo) {
  const std::vector<unsigned> statuses = {200, 400, 201, 503, 200, 200, 404};
  EXPECT_EQ(logged({}, statuses), 0U);
  EXPECT_EQ(logged({.errors = true}, statuses), 3U);
  EXPECT_EQ(logged({.one_in = 1}, statuses), 7U);
  EXPECT_EQ(logged({.one_in = 3}, statuses), 3U);
}

}  // namespace
}  // namespace storagepool::service
