// The model finds every fault that is planted in the recording.
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pool/common/runtime/log.h"
#include "pool/common/test_main/planted.h"
#include "pool/recording/model/model.h"

namespace storagepool::recording::model {
namespace {

std::string fault_now;

std::vector<std::string> faults() {
  const std::string mark = "## ";
  std::vector<std::string> names;
  std::ifstream list(STORAGEPOOL_MUTATIONS);
  for (std::string line; std::getline(list, line);) {
    if (line.starts_with(mark)) names.push_back(line.substr(mark.size()));
  }
  return names;
}

class RecordingMutants : public ::testing::TestWithParam<std::string> {
 protected:
  ~RecordingMutants() override { fault_now.clear(); }
};

TEST_P(RecordingMutants, AreFound) {
  constexpr std::uint64_t kSeeds = 2000;
  log::configure("", log::Level::kError);
  fault_now = GetParam();
  ::testing::internal::CaptureStderr();  // what is set aside is logged
  std::string violation;
  for (std::uint64_t seed = 1; seed <= kSeeds && violation.empty(); ++seed) violation = run_schedule(seed);
  ::testing::internal::GetCapturedStderr();
  EXPECT_NE(violation, "") << "survives";
  RecordProperty("violation", violation);
}

INSTANTIATE_TEST_SUITE_P(Planted, RecordingMutants, ::testing::ValuesIn(faults()), [](const auto& fault) {
  std::string name = fault.param;
  std::erase(name, '-');
  return name;
});

}  // namespace
}  // namespace storagepool::recording::model

bool storagepool::planted(std::string_view name) {
  return name == recording::model::fault_now;
}
