#include "pool/recording/model/model.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "pool/common/runtime/log.h"

namespace storagepool::recording::model {
namespace {

// The number in the environment, if there is one: another first seed, or many more of them.
std::uint64_t given(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  std::uint64_t value = 0;
  const bool valid =
      text != nullptr && std::from_chars(text, text + std::strlen(text), value).ec == std::errc();
  return valid ? value : otherwise;
}

TEST(RecordingModel, KeepsWhatWasAcknowledgedWhateverFails) {
  log::configure("", log::Level::kError);
  const std::uint64_t first = given("STORAGEPOOL_TEST_SEED", 1);
  const std::uint64_t seeds = given("STORAGEPOOL_TEST_SEEDS", 2000);
  ::testing::internal::CaptureStderr();  // what is set aside is logged
  std::string violation;
  std::uint64_t seed = first;
  for (; seed < first + seeds && violation.empty(); ++seed) violation = run_schedule(seed);
  ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(violation, "") << "again with STORAGEPOOL_TEST_SEED=" << seed - 1 << " STORAGEPOOL_TEST_SEEDS=1";
}

}  // namespace
}  // namespace storagepool::recording::model
