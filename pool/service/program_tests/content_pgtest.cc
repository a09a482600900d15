// Bodies in content codings, as clients of the program send and get them.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/http/testing/coded.h"
#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using http::testing::decoded;
using http::testing::gzipped;
using http::testing::zstandard;
using nlohmann::json;
using ::testing::HasSubstr;
using testing::HttpResponse;
using testing::kEvents;
using testing::valid_event;

class DataStorageContentTest : public testing::RunningProgramTest {
 protected:
  static HttpResponse post(const char* coding, const std::string& body, const std::string& target = kEvents) {
    return testing::http(pod_->api_port(), "POST", target,
                         {{"Content-Type", "application/json"}, {"Content-Encoding", coding}}, body);
  }
};

TEST_F(DataStorageContentTest, StoresEventsThatComeCompressed) {
  json batch = json::array();
  for (int i = 0; i < 50; ++i) {
    batch.push_back(valid_event());
    batch.back()["correlation_id"] = "compressed";
  }
  EXPECT_EQ(post("gzip", gzipped(batch[0].dump())).status, 201U);
  EXPECT_EQ(post("zstd", zstandard(batch[0].dump())).status, 201U);
  EXPECT_EQ(post("gzip", gzipped(batch.dump()), kEvents + "/batch").status, 201U);
  EXPECT_EQ(post("zstd", zstandard(batch.dump()), kEvents + "/batch").status, 201U);

  const std::string page = kEvents + "?correlation_id=compressed&limit=200";
  const auto plain = pod_->api("GET", page);
  EXPECT_EQ(json::parse(plain.body).at("data").size(), 102U);
  const auto coded = testing::http(pod_->api_port(), "GET", page, {{"Accept-Encoding", "gzip, deflate, br"}});
  EXPECT_EQ(coded.headers.at("content-encoding"), "gzip");
  EXPECT_LT(coded.body.size(), plain.body.size() / 3);
  EXPECT_EQ(decoded(http::Coding::kGzip, coded.body), plain.body);
}

TEST_F(DataStorageContentTest, TellsWhatIsWrongWithACodedBody) {
  const std::string event = valid_event().dump();
  const auto plain = post("gzip", event);
  EXPECT_EQ(plain.status, 400U);
  EXPECT_THAT(plain.body, HasSubstr("Content-Encoding: the body is not gzip"));
  const auto other = post("br", event);
  EXPECT_EQ(other.status, 415U);
  EXPECT_EQ(other.headers.at("accept-encoding"), "gzip, zstd");
  const auto bomb = post("gzip", gzipped(std::string(std::size_t{6} << 20, ' ')));
  EXPECT_EQ(bomb.status, 413U);
}

}  // namespace
}  // namespace storagepool::service
