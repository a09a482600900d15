// accept(2) that fails: this program's own accept stands in front of the system's, counts, and fails as often
// as it is told to; or there really is no descriptor left.
#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include "pool/common/http/server.h"
#include "pool/common/http/testing/loopback.h"

namespace {

struct Faults {
  std::atomic<int> left = 0;
  std::atomic<int> error = 0;
  std::atomic<int> out_of_descriptors = 0;  // how often the system's accept said EMFILE
};

Faults& faults() {
  static Faults instance;
  return instance;
}

}  // namespace

extern "C" int accept(int socket, sockaddr* address, socklen_t* length) {
  if (faults().left > 0) {
    --faults().left;
    errno = faults().error;
    return -1;
  }
  using Accept = int (*)(int, sockaddr*, socklen_t*);
  static const auto next = reinterpret_cast<Accept>(::dlsym(RTLD_NEXT, "accept"));
  const int accepted = next(socket, address, length);
  if (accepted < 0 && errno == EMFILE) ++faults().out_of_descriptors;
  return accepted;
}

namespace storagepool::http {
namespace {

using testing::ask;
using testing::Client;
using testing::echo;
using testing::kGet;
using testing::LoopbackServer;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(Accept, SurvivesWantOfDescriptorsOrMemoryAndSaysSoOncePerSpell) {
  const LoopbackServer server({}, echo);
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
    ::testing::internal::CaptureStderr();
    faults().error = error;
    faults().left = 3;
    EXPECT_EQ(ask(server.port(), kGet).status, 200U);
    EXPECT_EQ(faults().left, 0);
    EXPECT_EQ(count(::testing::internal::GetCapturedStderr(), "cannot accept connections"), 1U) << error;
  }
}

TEST(Accept, AClientThatGaveUpInTheQueueIsNoReasonToPause) {
  const LoopbackServer server({}, echo);
  ::testing::internal::CaptureStderr();
  faults().error = ECONNRESET;
  faults().left = 100;
  EXPECT_EQ(ask(server.port(), kGet).status, 200U);
  EXPECT_EQ(faults().left, 0);
  EXPECT_EQ(count(::testing::internal::GetCapturedStderr(), "cannot accept"), 0U);
}

// Leaves the process only so many descriptors, until it ends.
class FewDescriptors {
 public:
  explicit FewDescriptors(std::size_t left) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit low = before_;
    low.rlim_cur = 256;
    ::setrlimit(RLIMIT_NOFILE, &low);
    for (int fd = 0; (fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) taken_.push_back(fd);
    while (left-- > 0) give_one();
  }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;
  ~FewDescriptors() {
    while (!taken_.empty()) give_one();
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }
  void give_one() {
    ::close(taken_.back());
    taken_.pop_back();
  }

 private:
  rlimit before_{};
  std::vector<int> taken_;
};

TEST(Accept, WithoutDescriptorsItWaitsGoesOnServingAndRecovers) {
  using Clock = std::chrono::steady_clock;
  const LoopbackServer server({}, echo);
  Client early(server.port());
  early.send(kGet);
  ASSERT_EQ(early.read()->status, 200U);
  // UndefinedBehaviorSanitizer needs descriptors for what it sees the first time.
  faults().error = EMFILE;
  faults().left = 1;
  Client first_after_failure(server.port());  // stays, because its end would give a descriptor back
  first_after_failure.send(kGet);
  ASSERT_EQ(first_after_failure.read()->status, 200U);

  ::testing::internal::CaptureStderr();
  {
    std::optional<FewDescriptors> few(1);
    faults().out_of_descriptors = 0;
    const auto began = Clock::now();
    Client late(server.port());  // has the last descriptor: the kernel takes its connection, we cannot
    late.send(kGet);
    ASSERT_TRUE(testing::eventually([] { return faults().out_of_descriptors >= 3; }));
    // Not more than one try in a tenth of a second.
    const int tries = faults().out_of_descriptors;
    EXPECT_GE(Clock::now() - began, (tries - 1) * std::chrono::milliseconds(100));
    EXPECT_FALSE(late.readable(std::chrono::milliseconds(0)));
    early.send(kGet);
    EXPECT_EQ(early.read()->status, 200U);
    few.reset();
    EXPECT_EQ(late.read()->status, 200U);
  }
  EXPECT_EQ(count(::testing::internal::GetCapturedStderr(), "cannot accept connections"), 1U);
  EXPECT_EQ(ask(server.port(), kGet).status, 200U);
}

}  // namespace
}  // namespace storagepool::http
