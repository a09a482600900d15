#include "pool/postgres/socket.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <gtest/gtest.h>

#include "pool/postgres/testing/run.h"

namespace storagepool::postgres {
namespace {

using namespace std::chrono_literals;
using testing::in;
using testing::run;

class SocketTest : public ::testing::Test {
 protected:
  SocketTest() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
      throw std::runtime_error("socketpair");
    }
    ours_ = ends[0];
    theirs_ = ends[1];
    socket_.emplace(context_.get_executor(), ours_);
  }
  ~SocketTest() override {
    socket_.reset();
    ::close(ours_);
    ::close(theirs_);
  }

  // Whether it was ready by the deadline.
  bool wait(Socket::Wait what, Deadline deadline) {
    return run(context_,
               [](Socket socket, Socket::Wait wanted, Deadline until) -> boost::asio::awaitable<bool> {
                 socket.arm(co_await boost::asio::this_coro::executor, until);
                 const bool ready = co_await socket.wait(wanted);
                 socket.disarm();
                 co_return ready;
               }(*socket_, what, deadline));
  }
  void answer() { ASSERT_EQ(::send(theirs_, "x", 1, MSG_NOSIGNAL), 1); }
  void take_answer() {
    char byte = 0;
    ASSERT_EQ(::recv(ours_, &byte, 1, 0), 1);
  }
  // What the loop asks of the descriptor.
  std::uint32_t watched() const {
    for (const auto& file : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
      std::ifstream lines(file.path());
      for (std::string word; lines >> word;) {
        int descriptor = -1;
        std::string events;
        if (word == "tfd:" && lines >> descriptor >> word >> events && descriptor == socket_->descriptor()) {
          return static_cast<std::uint32_t>(std::stoul(events, nullptr, 16));
        }
      }
    }
    throw std::runtime_error("the descriptor is not watched");
  }

  boost::asio::io_context context_{1};
  int ours_ = -1;
  int theirs_ = -1;
  std::optional<Socket> socket_;
};

// It could nearly always be written to: every wait would end the loop's at once.
TEST_F(SocketTest, WhoHasWaitedForWritingIsWokenByAnswersAlone) {
  EXPECT_TRUE(wait(Socket::Wait::wait_write, in(20s)));
  EXPECT_EQ(watched() & EPOLLOUT, 0U);
  EXPECT_NE(watched() & EPOLLIN, 0U);
  answer();
  EXPECT_TRUE(wait(Socket::Wait::wait_read, in(20s)));
  take_answer();
  EXPECT_TRUE(wait(Socket::Wait::wait_write, in(20s)));
  EXPECT_FALSE(wait(Socket::Wait::wait_read, in(20ms)));
  EXPECT_EQ(watched() & EPOLLOUT, 0U);
}

TEST_F(SocketTest, EachStatementHasADeadlineOfItsOwn) {
  EXPECT_FALSE(wait(Socket::Wait::wait_read, in(20ms)));
  EXPECT_TRUE(socket_->expired());
  EXPECT_TRUE(wait(Socket::Wait::wait_write, in(1h)));
  EXPECT_FALSE(socket_->expired());
  EXPECT_FALSE(wait(Socket::Wait::wait_read, in(20ms))) << "a later one was before";
  EXPECT_TRUE(wait(Socket::Wait::wait_write, in(20ms)));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(wait(Socket::Wait::wait_read, in(100ms))) << "an earlier one was before";
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 100ms);
}

TEST_F(SocketTest, ADeadlineHoldsAlsoLongAfterTheOneBefore) {
  EXPECT_TRUE(wait(Socket::Wait::wait_write, in(5ms)));
  context_.restart();
  for (const auto until = in(20ms); std::chrono::steady_clock::now() < until;) {
    context_.run_one_until(until);
    if (context_.stopped()) context_.restart();
  }
  EXPECT_FALSE(wait(Socket::Wait::wait_read, in(20ms)));
}

TEST_F(SocketTest, ALoopThatHasNothingElseToDoEndsBeforeTheDeadlineOfWhatIsOver) {
  EXPECT_TRUE(wait(Socket::Wait::wait_write, in(24h)));
  context_.restart();
  context_.run_until(in(20s));
  EXPECT_TRUE(context_.stopped());
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(wait(Socket::Wait::wait_read, in(Socket::kLook * 5 / 2)));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, Socket::kLook * 5 / 2);
}

TEST_F(SocketTest, ADeadlineThatHasPassedIsOne) {
  EXPECT_FALSE(wait(Socket::Wait::wait_read, in(-1s)));
  EXPECT_TRUE(socket_->expired());
}

// Neither a loop that has nothing else to do nor a descriptor waits for the deadline of a statement that is
// over.
TEST_F(SocketTest, NothingOfItIsLeftWhenItIsGone) {
  EXPECT_TRUE(wait(Socket::Wait::wait_write, in(1h)));
  const int descriptor = socket_->descriptor();
  socket_.reset();
  EXPECT_EQ(::fcntl(descriptor, F_GETFD), -1);
  context_.restart();
  context_.run_until(in(20s));
  EXPECT_TRUE(context_.stopped());
}

}  // namespace
}  // namespace storagepool::postgres
