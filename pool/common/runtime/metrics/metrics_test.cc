#include "pool/common/runtime/metrics/metrics.h"

#include <cmath>
#include <sstream>
#include <string_view>

#include <gmock/gmock.h>
#include <fcntl.h>
#include <unistd.h>

#include "pool/common/runtime/check.h"

namespace storagepool::runtime {
namespace {

using ::testing::HasSubstr;

// The value of an unlabelled sample, or NaN.
double sample(const std::string& exposition, std::string_view name) {
  std::istringstream lines(exposition);
  std::string line;
  while (std::getline(lines, line)) {
    if (line.starts_with(std::string(name) + " ")) return std::stod(line.substr(name.size() + 1));
  }
  return std::nan("");
}

TEST(Metrics, SerializesWhatIsRegistered) {
  Metrics metrics;
  auto& family =
      prometheus::BuildCounter().Name("requests_total").Help("Requests.").Register(metrics.registry());
  family.Add({{"code", "200"}}).Increment(3);
  const std::string text = metrics.serialize();
  EXPECT_THAT(text, HasSubstr("# HELP requests_total Requests.\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE requests_total counter\n"));
  EXPECT_THAT(text, HasSubstr("requests_total{code=\"200\"} 3\n"));
}

TEST(Metrics, TellsTheProcessAsItIsNow) {
  Metrics metrics;
  const std::string before = metrics.serialize();
  const int fd = ::open("/dev/null", O_RDONLY);
  ASSERT_GE(fd, 0);
  const std::string after = metrics.serialize();
  ::close(fd);

  EXPECT_EQ(sample(after, "process_open_fds"), sample(before, "process_open_fds") + 1);
  EXPECT_GT(sample(after, "process_resident_memory_bytes"), 1024 * 1024);
  EXPECT_EQ(sample(after, "process_start_time_seconds"), sample(before, "process_start_time_seconds"));
  EXPECT_GT(sample(after, "process_start_time_seconds"), 1.5e9);
  EXPECT_GE(sample(after, "process_cpu_seconds_total"), sample(before, "process_cpu_seconds_total"));
  EXPECT_THAT(after, HasSubstr("# TYPE process_cpu_seconds_total counter\n"));
}

TEST(Metrics, CountsViolatedChecks) {
  Metrics metrics;
  const double before = sample(metrics.serialize(), "storagepool_check_violations_total");
  STORAGEPOOL_EXPECT(false, "a check of the metrics' test");
  EXPECT_EQ(sample(metrics.serialize(), "storagepool_check_violations_total"), before + 1);
}

}  // namespace
}  // namespace storagepool::runtime
