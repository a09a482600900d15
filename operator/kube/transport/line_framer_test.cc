#include "operator/kube/transport/line_framer.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace storagepool::kube {
namespace {

using Result = LineFramer::Result;

struct Collector {
  std::vector<std::string> lines;
  std::function<bool(std::string_view)> handler() {
    return [this](std::string_view line) {
      lines.emplace_back(line);
      return true;
    };
  }
};

TEST(LineFramerTest, SeveralLinesInOnePieceAndOneLineInSeveral) {
  LineFramer framer(100);
  Collector got;
  EXPECT_EQ(framer.feed("one\ntwo\r\n\nth", got.handler()), Result::kMore);
  EXPECT_EQ(framer.pending(), 2u);
  EXPECT_EQ(framer.feed("re", got.handler()), Result::kMore);
  EXPECT_EQ(framer.feed("e\n", got.handler()), Result::kMore);
  EXPECT_EQ(got.lines, (std::vector<std::string>{"one", "two", "three"}));
  EXPECT_EQ(framer.pending(), 0u);
}

TEST(LineFramerTest, ALineIsTheSameHoweverItIsCut) {
  std::string stream;
  std::vector<std::string> expected;
  std::minstd_rand random(7);
  for (int i = 0; i < 200; ++i) {
    expected.push_back("line" + std::to_string(i) + std::string(random() % 50, 'x'));
    stream += expected.back() + (random() % 2 == 0 ? "\n" : "\r\n");
  }
  for (unsigned seed = 1; seed <= 50; ++seed) {
    std::minstd_rand cut(seed);
    LineFramer framer(100);
    Collector got;
    std::string_view rest = stream;
    while (!rest.empty()) {
      const std::size_t count = std::min<std::size_t>(1 + cut() % 40, rest.size());
      ASSERT_EQ(framer.feed(rest.substr(0, count), got.handler()), Result::kMore);
      rest.remove_prefix(count);
    }
    ASSERT_EQ(got.lines, expected) << "seed " << seed;
  }
}

TEST(LineFramerTest, RefusesALineBeyondTheLimitWithoutHoldingIt) {
  LineFramer framer(10);
  Collector got;
  EXPECT_EQ(framer.feed("0123456789\n", got.handler()), Result::kMore);
  EXPECT_EQ(framer.feed("01234", got.handler()), Result::kMore);
  EXPECT_EQ(framer.feed("567890", got.handler()), Result::kTooLong);
  EXPECT_LE(framer.pending(), 10u);
  EXPECT_EQ(LineFramer(10).feed("01234567890\n", got.handler()), Result::kTooLong);
  EXPECT_EQ(got.lines, (std::vector<std::string>{"0123456789"}));
}

TEST(LineFramerTest, StopsWhenTheHandlerHasEnough) {
  LineFramer framer(10);
  int count = 0;
  EXPECT_EQ(framer.feed("a\nb\nc\n", [&](std::string_view) { return ++count < 2; }), Result::kStopped);
  EXPECT_EQ(count, 2);
}

}  // namespace
}  // namespace storagepool::kube
