#include "pool/common/http/message/framing.h"

#include <gmock/gmock.h>

namespace storagepool::http {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

TEST(Framing, AcceptsTheUnambiguous) {
  EXPECT_FALSE(check_framing(true, {{"Host", "db.example:8080"}}));
  EXPECT_FALSE(check_framing(true, {{"host", "[::1]:80"}, {"content-length", "0"}}));
  EXPECT_FALSE(check_framing(true, {{"HOST", ""}, {"Transfer-Encoding", "Chunked"}}));
  EXPECT_FALSE(check_framing(false, {}));
  EXPECT_FALSE(check_framing(false, {{"Host", "h"}, {"Content-Length", "12"}}));
}

TEST(Framing, RefusesWhatTwoParsersCouldReadDifferently) {
  const std::vector<Headers> faults = {
      {},
      {{"Host", "a"}, {"host", "a"}},
      {{"Host", "a b"}},
      {{"Host", "a/b"}},
      {{"Host", "a@b"}},
      {{"Host", "h"}, {"Content-Length", "1"}, {"content-length", "1"}},
      {{"Host", "h"}, {"Content-Length", "1"}, {"Transfer-Encoding", "chunked"}},
      {{"Host", "h"}, {"Content-Length", ""}},
      {{"Host", "h"}, {"Content-Length", "+1"}},
      {{"Host", "h"}, {"Content-Length", "-1"}},
      {{"Host", "h"}, {"Content-Length", "1, 1"}},
      {{"Host", "h"}, {"Content-Length", "0x1"}},
      {{"Host", "h"}, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}},
  };
  for (const Headers& headers : faults) {
    const auto fault = check_framing(true, headers);
    ASSERT_TRUE(fault) << ::testing::PrintToString(headers);
    EXPECT_EQ(status_of(fault->kind), 400U) << ::testing::PrintToString(headers);
    EXPECT_FALSE(fault->detail.empty());
  }
}

TEST(Framing, UnknownTransferCodingsAreNotImplemented) {
  for (const char* coding :
       {"gzip", "gzip, chunked", "chunked, chunked", "identity", "xchunked", "chunked;q=1", ""}) {
    const auto fault = check_framing(true, {{"Host", "h"}, {"Transfer-Encoding", coding}});
    ASSERT_TRUE(fault) << coding;
    EXPECT_EQ(status_of(fault->kind), 501U) << coding;
  }
}

TEST(Framing, Http10HasNoTransferCodings) {
  const auto fault = check_framing(false, {{"Transfer-Encoding", "chunked"}});
  ASSERT_TRUE(fault);
  EXPECT_EQ(status_of(fault->kind), 400U);
}

TEST(Framing, FindsLineFolding) {
  EXPECT_FALSE(has_line_folding(""));
  EXPECT_FALSE(has_line_folding("GET / HTTP/1.1\r\n"));
  EXPECT_FALSE(has_line_folding("GET / HTTP/1.1\r\nHost: h\r\nX: a  b\r\n\r\n"));
  EXPECT_TRUE(has_line_folding("X: a\r\n b\r\n"));
  EXPECT_TRUE(has_line_folding("X:\r\n\ta\r\n"));
}

}  // namespace
}  // namespace storagepool::http
