#include "operator/cli/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <streambuf>
#include <string>

#include "operator/cli/output/progress.h"
#include "operator/cli/testing/recorded.h"

namespace storagepool::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using namespace testing;

// What another thread writes.
class Heard : public std::streambuf {
 public:
  std::string next() {
    std::unique_lock lock(mutex_);
    heard_.wait_for(lock, std::chrono::seconds(60), [this] { return !text_.empty(); });
    return text_;
  }

 private:
  std::streamsize xsputn(const char* text, std::streamsize count) override {
    const std::lock_guard lock(mutex_);
    text_.append(text, static_cast<std::size_t>(count));
    heard_.notify_all();
    return count;
  }

  std::mutex mutex_;
  std::condition_variable heard_;
  std::string text_;
};

TEST(CommandLine, TellsItsVersionAndExitCodes) {
  Recording recording;
  EXPECT_EQ(run_recorded(recording, {"--version"}).out, "kubectl-storagepool " STORAGEPOOL_VERSION "\n");
  const Said help = run_recorded(recording, {"--help"});
  EXPECT_EQ(help.exit_code, kGood);
  EXPECT_THAT(help.out, AllOf(HasSubstr("Exit codes: 0"), HasSubstr("status"), HasSubstr("KUBECTL")));
}

TEST(CommandLine, WhatIsWrongIsNamed) {
  Recording recording;
  const auto error_of = [&recording](const Words& words) {
    const Said said = run_recorded(recording, words);
    EXPECT_EQ(said.exit_code, kError) << joined(words);
    return said.err;
  };
  EXPECT_THAT(error_of({}), HasSubstr("status"));
  EXPECT_THAT(error_of({"stat"}), HasSubstr("stat"));
  EXPECT_THAT(error_of({"status", "-o", "xml"}), HasSubstr("xml"));
  EXPECT_THAT(error_of({"status", "-A", "-n", "x"}), HasSubstr("--namespace"));
  EXPECT_THAT(error_of({"status", "--request-timeout", "0s"}), HasSubstr("1s to 10m"));
  EXPECT_THAT(error_of({"pause"}), HasSubstr("NAME"));
  EXPECT_TRUE(recording.asked.empty());
}

TEST(Progress, IsSilentWhereItIsShort) {
  std::ostringstream err;
  { const Progress progress(err, true, "asking"); }
  EXPECT_EQ(err.str(), "");
}

TEST(Progress, TellsHowFarItIsAfterASecond) {
  Heard heard;
  std::ostream err(&heard);
  Progress progress(err, false, "asking", 3);
  progress.step();
  EXPECT_EQ(heard.next(), "asking: 1 of 3 ...\n");
}

TEST(ForEachAtOnce, CallsEachOnceAndThrowsWhatOneThrew) {
  std::mutex mutex;
  std::multiset<std::size_t> called;
  const auto call = [&](std::size_t i) {
    const std::lock_guard lock(mutex);
    called.insert(i);
    if (i == 7) throw std::runtime_error("seven");
  };
  EXPECT_THROW(for_each_at_once(20, call), std::runtime_error);
  EXPECT_EQ(called.size(), 20U);
  EXPECT_EQ(std::set<std::size_t>(called.begin(), called.end()).size(), 20U);
  for_each_at_once(0, call);
}

}  // namespace
}  // namespace storagepool::cli
