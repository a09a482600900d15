#include "pool/service/bounds.h"

#include <optional>
#include <utility>

#include <gtest/gtest.h>

namespace storagepool::service {
namespace {

TEST(HttpThreads, AreOneForEachWholeCpuOfTheLimitButTheFirst) {
  const Options options;
  for (const auto& [limit, threads] :
       {std::pair{0.1, 0U}, {1.0, 0U}, {1.9, 0U}, {2.0, 1U}, {2.9, 1U}, {3.0, 2U}, {5.0, 4U}, {64.0, 4U}}) {
    EXPECT_EQ(http_threads(options, limit), threads) << limit;
  }
  EXPECT_EQ(http_threads(options, std::nullopt), 0U) << "without a limit all is as on one CPU";
}

TEST(HttpThreads, AreThoseThatTheOptionsName) {
  Options options;
  for (const std::int64_t threads : {0, 4}) {
    options.http_threads = threads;
    EXPECT_EQ(http_threads(options, 2.0), static_cast<std::size_t>(threads));
    EXPECT_EQ(http_threads(options, std::nullopt), static_cast<std::size_t>(threads));
  }
}

}  // namespace
}  // namespace storagepool::service
