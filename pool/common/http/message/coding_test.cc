#include "pool/common/http/message/coding.h"

#include <gmock/gmock.h>

#include "pool/common/http/testing/coded.h"

namespace storagepool::http {
namespace {

using testing::decoded;
using testing::gzipped;
using ::testing::HasSubstr;
using testing::zstandard;

Request with(const char* name, std::initializer_list<const char*> values) {
  Request request;
  for (const char* value : values) request.headers.emplace_back(name, value);
  return request;
}

std::string why_not(Coding coding, std::string_view body, std::size_t step = 4096) {
  try {
    decoded(coding, body, step);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "decoded";
}

TEST(Coding, OfARequestIsOneThatIsDecodedOrNone) {
  const auto coding = [](std::initializer_list<const char*> values) {
    return request_coding(with("content-encoding", values));
  };
  EXPECT_EQ(coding({}), Coding::kIdentity);
  for (const char* plain : {"", " ", "identity", "Identity", ","})
    EXPECT_EQ(coding({plain}), Coding::kIdentity) << plain;
  for (const char* gzip : {"gzip", "GZIP", "x-gzip", " gzip\t", ", gzip"})
    EXPECT_EQ(coding({gzip}), Coding::kGzip) << gzip;
  EXPECT_EQ(coding({"zstd"}), Coding::kZstd);
  for (const char* other :
       {"br", "deflate", "compress", "gzip, gzip", "identity, gzip", "gzip;q=1", "gzip zstd"})
    EXPECT_EQ(coding({other}), std::nullopt) << other;
  EXPECT_EQ(coding({"gzip", "zstd"}), std::nullopt);
}

TEST(Coding, AnswersAreGzipForWhomPrefersIt) {
  const auto prefers = [](std::initializer_list<const char*> values) {
    return prefers_gzip(with("accept-encoding", values));
  };
  for (const char* yes :
       {"gzip", "GZip", "x-gzip", "*", "br, gzip", "gzip;q=0.001", "gzip ; q=1.000",
        "identity;q=0.5, gzip;q=0.5", "*;q=0.3", "identity;q=0, *", "gzip;q=1.,br", "br;q=nonsense, gzip"})
    EXPECT_TRUE(prefers({yes})) << yes;
  for (const char* no : {"", "identity", "br", "gzip;q=0", "gzip;q=0.000", "*;q=0", "gzip;q=0, *",
                         "gzip;q=0.5, identity", "gzip;q=1.001", "gzip;q=2", "gzip;q=0.0001", "gzip;q=",
                         "gzip;q", "gzip;level=9", "gzip;q=-1", "gzipped", "gzip;q=.5", "gzip;q=0,5"})
    EXPECT_FALSE(prefers({no})) << no;
  EXPECT_FALSE(prefers({}));
  EXPECT_TRUE(prefers({"br", "gzip"}));
}

TEST(Coding, DecodesWhatOthersMade) {
  // printf abc | gzip -n, and | zstd
  const std::string gzip(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x4c\x4a\x06\x00\xc2\x41\x24\x35\x03\x00\x00\x00", 23);
  const std::string zstd("\x28\xb5\x2f\xfd\x04\x58\x19\x00\x00\x61\x62\x63\x99\x09\x77\xad", 16);
  EXPECT_EQ(decoded(Coding::kGzip, gzip), "abc");
  EXPECT_EQ(decoded(Coding::kZstd, zstd), "abc");
}

TEST(Coding, DecodesInAnySteps) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += std::to_string(i * 7919) + (i % 3 == 0 ? "\n" : " ");
  for (const std::size_t step : {1U, 7U, 1000U, 1U << 20U}) {
    EXPECT_EQ(decoded(Coding::kGzip, gzipped(text), step), text) << step;
    EXPECT_EQ(decoded(Coding::kZstd, zstandard(text), step), text) << step;
  }
  EXPECT_EQ(decoded(Coding::kGzip, gzipped("")), "");
  EXPECT_EQ(decoded(Coding::kZstd, zstandard("")), "");
}

TEST(Coding, DecodesSeveralMembersAndFrames) {
  const std::string skippable("\x50\x2a\x4d\x18\x02\x00\x00\x00xx", 10);
  for (const std::size_t step : {1U, 4096U}) {
    EXPECT_EQ(decoded(Coding::kGzip, gzipped("a") + gzipped("") + gzipped("bc"), step), "abc");
    EXPECT_EQ(decoded(Coding::kZstd, zstandard("a") + skippable + zstandard("bc"), step), "abc");
  }
}

TEST(Coding, WhatIsCutOffIsNotWhole) {
  const std::string gzip = gzipped("some text");
  const std::string zstd = zstandard("some text");
  for (std::size_t size = 0; size < gzip.size(); ++size)
    EXPECT_EQ(why_not(Coding::kGzip, gzip.substr(0, size)), "ends early") << size;
  for (std::size_t size = 1; size < zstd.size(); ++size)
    EXPECT_EQ(why_not(Coding::kZstd, zstd.substr(0, size)), "ends early") << size;
}

TEST(Coding, WhatIsMalformedIsExplained) {
  EXPECT_EQ(why_not(Coding::kGzip, "{\"a\": 1}"), "incorrect header check");
  EXPECT_EQ(why_not(Coding::kGzip, zstandard("x")), "incorrect header check");
  EXPECT_EQ(why_not(Coding::kGzip, gzipped("x") + "garbage"), "bytes after its end are no further member");
  EXPECT_EQ(why_not(Coding::kGzip, gzipped("x") + std::string(512, '\0')),
            "bytes after its end are no further member");
  std::string wrong = gzipped("some text");
  wrong[wrong.size() - 6] = static_cast<char>(wrong[wrong.size() - 6] ^ 1);  // of the checksum
  EXPECT_EQ(why_not(Coding::kGzip, wrong), "incorrect data check");
  EXPECT_EQ(why_not(Coding::kZstd, "{\"a\": 1}"), "Unknown frame descriptor");
  EXPECT_EQ(why_not(Coding::kZstd, zstandard("x") + "garbage"), "Unknown frame descriptor");
}

TEST(Coding, AFrameHasWhatItsHeaderSays) {
  // 44 bytes, it says, of one empty last block, and of one with an "a". libzstd looks only where it is given
  // all at once.
  const std::string none("\x28\xb5\x2f\xfd\x20\x2c\x01\x00\x00", 9);
  const std::string one("\x28\xb5\x2f\xfd\x20\x2c\x09\x00\x00\x61", 10);
  for (const std::size_t step : {1U, 4U, 4096U}) {
    EXPECT_EQ(why_not(Coding::kZstd, none, step), "Data corruption detected") << step;
    EXPECT_EQ(why_not(Coding::kZstd, zstandard("x") + none, step), "Data corruption detected") << step;
    EXPECT_EQ(why_not(Coding::kZstd, one, step), "Data corruption detected") << step;
  }
}

TEST(Coding, AFrameGetsNoMoreMemoryThanEveryDecoderMustHave) {
  // A frame header that asks for a window of 16 MiB; content size unknown, one empty last block.
  const std::string greedy("\x28\xb5\x2f\xfd\x00\x70\x01\x00\x00", 9);
  EXPECT_THAT(why_not(Coding::kZstd, greedy), HasSubstr("too much memory"));
  const std::string usual("\x28\xb5\x2f\xfd\x00\x68\x01\x00\x00", 9);  // 8 MiB
  EXPECT_EQ(why_not(Coding::kZstd, usual), "decoded");
}

}  // namespace
}  // namespace storagepool::http
