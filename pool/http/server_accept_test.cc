// accept(2) that fails: this program's own accept stands in front of the system's and fails as often as it is
// told to. (Really running out of descriptors would take the sanitizers along.)
#include <atomic>
#include <cerrno>
#include <memory>

#include <dlfcn.h>
#include <sys/socket.h>

#include <gmock/gmock.h>

#include "pool/http/server.h"
#include "pool/http/testing/loopback.h"

namespace {

struct Faults {
  std::atomic<int> left = 0;
  std::atomic<int> error = 0;
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
  return next(socket, address, length);
}

namespace storagepool::http {
namespace {

using testing::ask;
using testing::echo;
using testing::LoopbackServer;

constexpr const char* kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

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

}  // namespace
}  // namespace storagepool::http
