#include "pool/common/runtime/loop/stop_signal.h"

#include <csignal>
#include <optional>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

namespace storagepool::runtime {
namespace {

TEST(StopSignal, CallsBackOnceThenLetsTheLoopEnd) {
  for (int signal : {SIGTERM, SIGINT}) {
    boost::asio::io_context loop;
    std::vector<int> seen;
    StopSignal stop(loop.get_executor(), [&](int number) { seen.push_back(number); });
    ASSERT_EQ(::raise(signal), 0);
    loop.run_for(std::chrono::seconds(30));
    EXPECT_TRUE(loop.stopped());
    EXPECT_THAT(seen, ::testing::ElementsAre(signal));
  }
}

TEST(StopSignal, TheSecondSignalEndsTheProcess) {
  EXPECT_EXIT(
      {
        boost::asio::io_context loop;
        StopSignal stop(loop.get_executor(), [](int) { ::raise(SIGTERM); });
        ::raise(SIGTERM);
        loop.run_for(std::chrono::seconds(30));
        std::_Exit(0);
      },
      ::testing::KilledBySignal(SIGTERM), "");
}

TEST(StopSignal, CallsBackAsOftenAsItIsToldThenEndsTheProcess) {
  EXPECT_EXIT(
      {
        boost::asio::io_context loop;
        int seen = 0;
        StopSignal stop(
            loop.get_executor(),
            [&](int) {
              if (++seen > 2) std::_Exit(1);
              ::raise(SIGTERM);
            },
            2);
        ::raise(SIGTERM);
        loop.run_for(std::chrono::seconds(30));
        std::_Exit(0);
      },
      ::testing::KilledBySignal(SIGTERM), "");
}

TEST(StopSignal, ASignalAfterCancelEndsTheProcess) {
  EXPECT_EXIT(
      {
        boost::asio::io_context loop;
        StopSignal stop(
            loop.get_executor(), [](int) { std::_Exit(1); }, 2);
        stop.cancel();
        ::raise(SIGTERM);
        std::_Exit(0);
      },
      ::testing::KilledBySignal(SIGTERM), "");
}

TEST(StopSignal, CancelAndDestructionDoNotCallBack) {
  boost::asio::io_context loop;
  bool called = false;
  {
    StopSignal stop(loop.get_executor(), [&](int) { called = true; });
    stop.cancel();
  }
  {
    StopSignal stop(loop.get_executor(), [&](int) { called = true; });
  }
  loop.run_for(std::chrono::seconds(30));
  EXPECT_TRUE(loop.stopped());
  EXPECT_FALSE(called);
}

TEST(StopSignal, AWriteToAClosedSocketDoesNotKill) {
  boost::asio::io_context loop;
  StopSignal stop(loop.get_executor(), [](int) {});
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  ::close(ends[1]);
  EXPECT_EQ(::write(ends[0], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  ::close(ends[0]);
}

}  // namespace
}  // namespace storagepool::runtime
