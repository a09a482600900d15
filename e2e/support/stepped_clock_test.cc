#include "e2e/support/stepped_clock.h"

#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

#include <gtest/gtest.h>

namespace storagepool::e2e {
namespace {

using namespace std::chrono_literals;

struct Times {
  std::time_t time = 0;
  std::time_t of_day = 0;
  std::time_t real = 0;
  std::time_t steady = 0;
};

Times times() {
  timeval of_day{};
  timespec real{};
  timespec steady{};
  ::gettimeofday(&of_day, nullptr);
  ::clock_gettime(CLOCK_REALTIME, &real);
  ::clock_gettime(CLOCK_MONOTONIC, &steady);
  return {std::time(nullptr), of_day.tv_sec, real.tv_sec, steady.tv_sec};
}

// A process that tells the time whenever it is asked.
class Teller {
 public:
  Teller() {
    if (::pipe(ask_) != 0 || ::pipe(answer_) != 0) return;
    process_ = ::fork();
    if (process_ != 0) return;
    for (char byte = 0; ::read(ask_[0], &byte, 1) == 1;) {
      const Times now = times();
      if (::write(answer_[1], &now, sizeof now) != sizeof now) break;
    }
    ::_exit(0);
  }
  ~Teller() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    for (const int fd : {ask_[0], ask_[1], answer_[0], answer_[1]}) ::close(fd);
  }
  Teller(const Teller&) = delete;
  Teller& operator=(const Teller&) = delete;

  pid_t process() const { return process_; }
  Times ask() {
    Times told;
    EXPECT_EQ(::write(ask_[1], "", 1), 1);
    EXPECT_EQ(::read(answer_[0], &told, sizeof told), static_cast<ssize_t>(sizeof told));
    return told;
  }
  // How far it is ahead of this process by each clock, in hours.
  void expect_ahead(double hours) {
    const Times here = times();
    const Times there = ask();
    EXPECT_NEAR(static_cast<double>(there.time - here.time) / 3600, hours, 0.1);
    EXPECT_NEAR(static_cast<double>(there.of_day - here.of_day) / 3600, hours, 0.1);
    EXPECT_NEAR(static_cast<double>(there.real - here.real) / 3600, hours, 0.1);
    EXPECT_NEAR(static_cast<double>(there.steady - here.steady) / 3600, 0, 0.1);
  }

 private:
  int ask_[2] = {-1, -1};
  int answer_[2] = {-1, -1};
  pid_t process_ = -1;
};

TEST(SteppedClock, IsAnotherForThoseProcessesUntilItEnds) {
  Teller teller;
  Teller other;
  const auto processes = [&] { return std::vector{teller.process()}; };
  for (const auto step : {1h, -1h}) {
    {
      const SteppedClock clock(processes, step);
      teller.expect_ahead(static_cast<double>(step.count()));
      other.expect_ahead(0);
    }
    teller.expect_ahead(0);
  }
}

TEST(SteppedClock, LeavesAProcessStoppedThatWasSo) {
  Teller teller;
  ASSERT_EQ(::kill(teller.process(), SIGSTOP), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(teller.process(), &status, WUNTRACED), teller.process());
  const SteppedClock clock([&] { return std::vector{teller.process()}; }, 1h);
  EXPECT_EQ(::waitpid(teller.process(), &status, WCONTINUED | WNOHANG), 0);
  ASSERT_EQ(::kill(teller.process(), SIGCONT), 0);
  teller.expect_ahead(1);
}

TEST(SteppedClock, LetsAProcessGo) {
  const auto gone = [] {
    Teller teller;
    return teller.process();
  }();
  const SteppedClock clock([&] { return std::vector{gone}; }, 1h);
}

}  // namespace
}  // namespace storagepool::e2e
