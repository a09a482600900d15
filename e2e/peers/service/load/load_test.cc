#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "e2e/peers/service/load/latencies.h"
#include "e2e/peers/service/load/request.h"
#include "e2e/peers/service/load/response.h"

namespace storagepool::load {
namespace {

using State = ResponseReader::State;

TEST(LatenciesTest, PercentilesOfSmallValuesAreExact) {
  Latencies latencies;
  for (std::uint64_t value = 1; value <= 200; ++value) latencies.add(value);
  EXPECT_EQ(latencies.count(), 200U);
  EXPECT_EQ(latencies.percentile(0.5), 100U);
  EXPECT_EQ(latencies.percentile(0.99), 198U);
  EXPECT_EQ(latencies.percentile(1), 200U);
}

TEST(LatenciesTest, NoPercentileIsOffByMoreThanOneIn128) {
  for (std::uint64_t value = 1; value < (std::uint64_t{1} << 62); value = value * 3 / 2 + 1) {
    Latencies latencies;
    latencies.add(value);
    latencies.add(std::uint64_t{1} << 63);
    const std::uint64_t found = latencies.percentile(0.5);
    EXPECT_GE(found, value);
    EXPECT_LE(found - value, value / 128);
    EXPECT_EQ(latencies.percentile(1), std::uint64_t{1} << 63);
  }
}

TEST(LatenciesTest, OfNothingAllIsZero) {
  const Latencies latencies;
  EXPECT_EQ(latencies.percentile(0.99), 0U);
  EXPECT_EQ(latencies.max(), 0U);
}

TEST(RequestsTest, EveryEventHasTheTimeOfNowAndACorrelationOfItsOwn) {
  Requests requests({.kind = Kind::kBatch, .events = 2, .prefix = "run"});
  std::string request = requests.text();
  requests.renew(request, 1'795'270'613'000'042);
  EXPECT_EQ(request.size(), requests.text().size());
  EXPECT_NE(request.find(R"("event_timestamp":"2026-11-21T14:16:53.000042Z")"), std::string::npos);
  EXPECT_EQ(request.find("1970"), std::string::npos);
  EXPECT_NE(request.find(R"("correlation_id":"run-0000000000")"), std::string::npos);
  EXPECT_NE(request.find(R"("correlation_id":"run-0000000001")"), std::string::npos);
  requests.renew(request, 1'795'270'614'000'000);
  EXPECT_EQ(request.find("14:16:53"), std::string::npos);
  EXPECT_EQ(request.find("run-0000000001"), std::string::npos);
  EXPECT_NE(request.find("run-0000000003"), std::string::npos);
}

TEST(RequestsTest, TheLengthIsThatOfTheBody) {
  const Requests requests({.kind = Kind::kPost, .prefix = "run"});
  const std::string& text = requests.text();
  const std::size_t body = text.size() - text.find("\r\n\r\n") - 4;
  EXPECT_NE(text.find("Content-Length: " + std::to_string(body) + "\r\n"), std::string::npos);
  EXPECT_EQ(requests.expected_status(), 201U);
}

TEST(RequestsTest, CarryTheTokenIfThereIsOne) {
  for (const Kind kind : {Kind::kPost, Kind::kBatch, Kind::kList}) {
    const Requests with({.kind = kind, .prefix = "run", .token = "abc"});
    EXPECT_NE(with.text().find("\r\nAuthorization: Bearer abc\r\n"), std::string::npos);
    const Requests without({.kind = kind, .prefix = "run"});
    EXPECT_EQ(without.text().find("Authorization"), std::string::npos);
  }
}

TEST(RequestsTest, CorrelationsComeAgain) {
  Requests requests({.kind = Kind::kList, .prefix = "fill", .correlations = 2});
  std::string request = requests.text();
  std::string seen;
  for (int i = 0; i < 3; ++i) {
    requests.renew(request, 0);
    seen += request.at(request.find(" HTTP/1.1") - 1);
  }
  EXPECT_EQ(seen, "010");
  EXPECT_EQ(requests.expected_status(), 200U);
}

TEST(ResponseReaderTest, ReadsAResponseInPiecesAndTheNextOne) {
  constexpr std::string_view kText = "HTTP/1.1 201 Created\r\ncontent-LENGTH: 5\r\nServer: x\r\n\r\nhello";
  ResponseReader reader;
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i + 1 < kText.size(); ++i) {
      ASSERT_EQ(reader.feed(kText.substr(i, 1)), State::kMore) << i;
    }
    EXPECT_EQ(reader.feed(kText.substr(kText.size() - 1)), State::kDone);
    EXPECT_EQ(reader.status(), 201U);
    EXPECT_EQ(reader.beginning(), "hello");
    EXPECT_FALSE(reader.closes());
    reader.next();
  }
}

TEST(ResponseReaderTest, KnowsWhenTheServiceCloses) {
  ResponseReader reader;
  EXPECT_EQ(reader.feed("HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), State::kDone);
  EXPECT_TRUE(reader.closes());
  EXPECT_EQ(reader.status(), 503U);
}

TEST(ResponseReaderTest, TellsABatchThatIsQueuedFromOneThatIsStored) {
  const std::string ids(std::size_t{500} * 39, 'x');
  ResponseReader reader;
  for (const bool queued : {true, false, true}) {
    const std::string body = R"({"event_ids":[)" + ids + R"(],"message":"500 audit events )" +
                             (queued ? "queued for async processing\"}" : "created successfully\"}");
    EXPECT_EQ(
        reader.feed("HTTP/1.1 201 Created\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n"),
        State::kMore);
    EXPECT_EQ(reader.feed(body.substr(0, body.size() - 20)), State::kMore);
    EXPECT_EQ(reader.feed(body.substr(body.size() - 20)), State::kDone);
    EXPECT_EQ(reader.queued(), queued);
    reader.next();
  }
}

TEST(ResponseReaderTest, RefusesWhatItCannotRead) {
  const std::string long_head = "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x');
  for (const std::string_view text :
       {std::string_view("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        std::string_view("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab"),
        std::string_view("SSH-2.0\r\n\r\n"),
        std::string_view("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), std::string_view(long_head)}) {
    ResponseReader reader;
    EXPECT_EQ(reader.feed(text), State::kBroken) << text.substr(0, 100);
    EXPECT_FALSE(reader.reason().empty());
  }
}

}  // namespace
}  // namespace storagepool::load
