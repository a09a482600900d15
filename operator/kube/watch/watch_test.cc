#include "operator/kube/watch/watch.h"

#include <map>
#include <random>

#include <gtest/gtest.h>

#include "operator/kube/object.h"

namespace storagepool::kube {
namespace {

using namespace std::chrono_literals;
using TimePoint = WatchMachine::TimePoint;

const TimePoint kStart{1h};

Json object(const std::string& name, const std::string& version) {
  return {{"metadata", {{"name", name}, {"resourceVersion", version}}}};
}

WatchLine line(WatchLine::Kind kind, const std::string& name, const std::string& version) {
  return {kind, object(name, version)};
}

WatchLine error_line(int code) {
  return {WatchLine::Kind::kError, {{"kind", "Status"}, {"code", code}}};
}

ApiError error(int status) {
  return {.status = status, .reason = "r", .message = "m"};
}

bool wants_list(const WatchMachine& machine, TimePoint now, const std::string& token = "") {
  const auto action = machine.next(now);
  const auto* page = std::get_if<WatchMachine::FetchPage>(&action);
  return page != nullptr && page->continue_token == token;
}

// The version a watch would be opened from, or what else is wanted.
std::string wants_watch(const WatchMachine& machine, TimePoint now) {
  const auto action = machine.next(now);
  if (const auto* open = std::get_if<WatchMachine::OpenWatch>(&action)) return open->resource_version;
  return std::holds_alternative<WatchMachine::Wait>(action) ? "wait" : "list";
}

std::chrono::milliseconds wait_of(const WatchMachine& machine, TimePoint now) {
  const auto action = machine.next(now);
  const auto* wait = std::get_if<WatchMachine::Wait>(&action);
  return wait ? std::chrono::duration_cast<std::chrono::milliseconds>(wait->until - now) : 0ms;
}

WatchMachine listed(std::uint32_t seed = 1) {
  WatchMachine machine(seed);
  machine.page({"10", "", {object("a", "9")}});
  return machine;
}

TEST(WatchMachineTest, ListsAllPagesThenWatchesFromTheListsVersion) {
  WatchMachine machine(1);
  EXPECT_TRUE(wants_list(machine, kStart));
  EXPECT_FALSE(machine.page({"10", "more", {object("a", "1"), object("b", "2")}}));
  EXPECT_TRUE(wants_list(machine, kStart, "more"));
  const auto replaced = machine.page({"10", "", {object("c", "3")}});
  ASSERT_TRUE(replaced);
  EXPECT_EQ(replaced->items.size(), 3u);
  EXPECT_EQ(wants_watch(machine, kStart), "10");
}

TEST(WatchMachineTest, KeepsUpThroughEventsAndBookmarksAndResumes) {
  WatchMachine machine = listed();
  machine.watch_started(kStart);
  EXPECT_TRUE(
      std::holds_alternative<Upserted>(*machine.line(line(WatchLine::Kind::kAdded, "b", "11"), kStart)));
  EXPECT_TRUE(
      std::holds_alternative<Upserted>(*machine.line(line(WatchLine::Kind::kModified, "b", "12"), kStart)));
  EXPECT_TRUE(
      std::holds_alternative<Deleted>(*machine.line(line(WatchLine::Kind::kDeleted, "b", "13"), kStart)));
  EXPECT_FALSE(machine.line(line(WatchLine::Kind::kBookmark, "", "20"), kStart));
  EXPECT_TRUE(machine.watching());
  machine.watch_ended(std::nullopt, kStart + 2min);
  EXPECT_EQ(wants_watch(machine, kStart + 2min), "20") << "at once, from the bookmark";
}

TEST(WatchMachineTest, ListsAnewAfterGone) {
  for (const bool inside : {false, true}) {
    WatchMachine machine = listed();
    machine.watch_started(kStart);
    if (inside) {
      EXPECT_FALSE(machine.line(error_line(410), kStart));
      EXPECT_FALSE(machine.watching());
      machine.watch_ended(std::nullopt, kStart);
    } else {
      machine.watch_ended(error(410), kStart);
    }
    EXPECT_TRUE(wants_list(machine, kStart)) << "at once";
  }
}

TEST(WatchMachineTest, DoesNotSpinWhenEveryWatchIsGone) {
  WatchMachine machine = listed();
  machine.watch_started(kStart);
  machine.watch_ended(error(410), kStart);
  machine.page({"11", "", {}});
  machine.watch_started(kStart);
  machine.watch_ended(error(410), kStart);
  EXPECT_GE(wait_of(machine, kStart), WatchMachine::kBackoffMin);
  EXPECT_TRUE(wants_list(machine, kStart + 1min));
}

TEST(WatchMachineTest, AnyOtherEndResumes) {
  for (const int status : {0, 429, 500, 503}) {
    WatchMachine machine = listed();
    machine.watch_started(kStart);
    machine.line(line(WatchLine::Kind::kAdded, "b", "15"), kStart);
    machine.watch_ended(error(status), kStart + 5s);
    EXPECT_EQ(wants_watch(machine, kStart + 5s), "wait") << status;
    EXPECT_EQ(wants_watch(machine, kStart + 1min), "15") << status;
  }
}

TEST(WatchMachineTest, ARefusalThatResumingCannotCureListsAnew) {
  for (const int status : {400, 403, 404, 504}) {
    WatchMachine machine = listed();
    machine.watch_started(kStart);
    machine.watch_ended(error(status), kStart);
    EXPECT_EQ(wants_watch(machine, kStart), "wait") << status;
    EXPECT_TRUE(wants_list(machine, kStart + 1min)) << status;
  }
}

TEST(WatchMachineTest, AFailedPageBeginsTheListAnew) {
  WatchMachine machine(1);
  machine.page({"10", "more", {object("a", "1")}});
  machine.list_failed(error(410), kStart);
  EXPECT_TRUE(wants_list(machine, kStart));
  const auto replaced = machine.page({"12", "", {object("b", "2")}});
  ASSERT_EQ(replaced->items.size(), 1u) << "nothing of the first try is left";
  EXPECT_EQ(wants_watch(machine, kStart), "12");
}

TEST(WatchMachineTest, BackOffGrowsStaysWithinItsBoundsAndDiffersBySeed) {
  std::set<std::chrono::milliseconds> firsts;
  for (std::uint32_t seed = 1; seed <= 50; ++seed) {
    WatchMachine machine(seed);
    TimePoint now = kStart;
    for (int failure = 0; failure < 40; ++failure) {
      machine.list_failed(error(0), now);
      const auto wait = wait_of(machine, now);
      ASSERT_GE(wait, WatchMachine::kBackoffMin);
      ASSERT_LE(wait, WatchMachine::kBackoffMax);
      if (failure == 0) firsts.insert(wait);
      if (failure > 6) {
        ASSERT_GE(wait, 15s);
      }
      now += wait;
    }
  }
  EXPECT_GT(firsts.size(), 10u);
}

TEST(WatchMachineTest, WaitsAsLongAsTheServerAsks) {
  WatchMachine machine(1);
  ApiError busy = error(429);
  busy.retry_after = 2min;
  machine.list_failed(busy, kStart);
  EXPECT_EQ(wait_of(machine, kStart), 2min);
}

TEST(WatchMachineTest, AWatchThatLivedEndsTheRowOfFailuresAndAShortOneIsAFailure) {
  WatchMachine machine = listed();
  TimePoint now = kStart;
  for (int i = 0; i < 10; ++i) {
    machine.watch_started(now);
    machine.watch_ended(std::nullopt, now + 100ms);
    const auto wait = wait_of(machine, now + 100ms);
    EXPECT_GE(wait, WatchMachine::kBackoffMin);
    now += 100ms + wait;
  }
  machine.watch_started(now);
  now += WatchMachine::kStable;
  machine.watch_ended(error(0), now);
  EXPECT_LE(wait_of(machine, now), 2 * WatchMachine::kBackoffMin);
}

TEST(WatchLineTest, DecodesEachType) {
  const auto decode = [](const std::string& type) {
    return parse_watch_line(R"({"type":")" + type +
                            R"(","object":{"metadata":{"name":"a","resourceVersion":"1"}}})");
  };
  EXPECT_EQ(decode("ADDED")->kind, WatchLine::Kind::kAdded);
  EXPECT_EQ(decode("MODIFIED")->kind, WatchLine::Kind::kModified);
  EXPECT_EQ(decode("DELETED")->kind, WatchLine::Kind::kDeleted);
  EXPECT_EQ(decode("BOOKMARK")->kind, WatchLine::Kind::kBookmark);
  EXPECT_EQ(decode("ERROR")->kind, WatchLine::Kind::kError);
  EXPECT_EQ(decode("NEWER")->kind, WatchLine::Kind::kMalformed);
  EXPECT_EQ(error_of({{"kind", "Status"}, {"code", 410}, {"message", "m"}}).status, 410);
  for (const Json& code : {Json("x"), Json(-1), Json(1e300), Json(7), Json(~std::uint64_t{0})})
    EXPECT_EQ(error_of({{"code", code}}).status, 500) << code;
}

TEST(WatchLineTest, WhatIsNoEventOfAnObjectIsMalformedAndWhatIsNoJsonAnError) {
  for (const char* text :
       {"null", "[]", "7", "{}", R"({"type":1,"object":{}})", R"({"type":"ADDED"})",
        R"({"type":"ADDED","object":[]})", R"({"type":"ADDED","object":{}})",
        R"({"type":"ADDED","object":{"metadata":[]}})", R"({"type":"DELETED","object":{"metadata":7}})",
        R"({"type":"ADDED","object":{"metadata":{"name":"a"}}})",
        R"({"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":1}}})",
        R"({"type":"MODIFIED","object":{"metadata":{"name":{},"resourceVersion":"1"}}})",
        R"({"type":"ADDED","object":{"metadata":{"resourceVersion":"1"}}})",
        R"({"type":"BOOKMARK","object":{"metadata":{}}})", R"({"type":"ERROR","object":7})"}) {
    const auto decoded = parse_watch_line(text);
    ASSERT_TRUE(decoded) << text;
    EXPECT_EQ(decoded->kind, WatchLine::Kind::kMalformed) << text;
  }
  for (const char* text : {"", "{", "{}{}", "\"\xff\""}) {
    const auto decoded = parse_watch_line(text);
    ASSERT_FALSE(decoded) << text;
    EXPECT_EQ(decoded.error().reason, kReasonMalformed);
  }
}

TEST(WatchMachineTest, AMalformedEventIsLeftOutAndTheWatchGoesOn) {
  WatchMachine machine = listed();
  machine.watch_started(kStart);
  const auto event = machine.line({WatchLine::Kind::kMalformed, Json::array()}, kStart);
  ASSERT_TRUE(event);
  EXPECT_TRUE(std::holds_alternative<Skipped>(*event));
  EXPECT_TRUE(machine.watching());
  machine.watch_ended(std::nullopt, kStart + 2min);
  EXPECT_EQ(wants_watch(machine, kStart + 2min), "10") << "where it began";
}

TEST(WatchMachineTest, AStreamThatCannotBeReadListsAnew) {
  WatchMachine machine = listed();
  machine.watch_started(kStart);
  machine.watch_ended(ApiError{.reason = std::string(kReasonMalformed), .message = "m"}, kStart);
  EXPECT_EQ(wants_watch(machine, kStart), "wait");
  EXPECT_TRUE(wants_list(machine, kStart + 1min)) << "resumed, the same would come again";
}

// A server that keeps a history, compacts it, drops streams and fails at random: whatever the interleaving,
// after the trouble the consumer's copy is the server's, and no change was handed over twice or out of order.
class Model {
 public:
  explicit Model(unsigned seed) : random_(seed), machine_(seed) {}

  void run() {
    for (int step = 0; step < 400; ++step) {
      if (chance(3)) change();
      if (chance(12)) compacted_ = version_;
      turn(/*trouble=*/true);
    }
    for (int step = 0; step < 200; ++step) turn(/*trouble=*/false);
    EXPECT_EQ(copy_, objects_);
    EXPECT_TRUE(machine_.watching());
  }

 private:
  bool chance(unsigned one_in) { return random_() % one_in == 0; }

  void change() {
    const std::string name = std::to_string(random_() % 6);
    ++version_;
    if (objects_.contains(name) && chance(3)) {
      objects_.erase(name);
      history_[version_] = line(WatchLine::Kind::kDeleted, name, std::to_string(version_));
    } else {
      objects_[name] = version_;
      history_[version_] = line(WatchLine::Kind::kModified, name, std::to_string(version_));
    }
  }

  void turn(bool trouble) {
    now_ += std::chrono::milliseconds(random_() % 5000);
    if (machine_.watching()) {
      stream(trouble);
      return;
    }
    const auto action = machine_.next(now_);
    if (const auto* page = std::get_if<WatchMachine::FetchPage>(&action)) {
      list(*page, trouble);
    } else if (const auto* open = std::get_if<WatchMachine::OpenWatch>(&action)) {
      machine_.watch_started(now_);
      cursor_ = std::stoi(open->resource_version);
      if (trouble && chance(6)) machine_.watch_ended(error(chance(2) ? 0 : 503), now_);
    } else {
      EXPECT_LE(std::get<WatchMachine::Wait>(action).until - now_, WatchMachine::kBackoffMax);
    }
  }

  void list(const WatchMachine::FetchPage& page, bool trouble) {
    if (trouble && chance(4)) return machine_.list_failed(error(chance(2) ? 410 : 0), now_);
    if (page.continue_token.empty()) snapshot_ = {version_, objects_};
    ListPage answer{std::to_string(snapshot_.first), "", {}};
    const bool second = !page.continue_token.empty();
    int index = 0;
    for (const auto& [name, version] : snapshot_.second) {
      if ((index++ >= 3) == second) answer.items.push_back(object(name, std::to_string(version)));
    }
    if (!second && snapshot_.second.size() > 3) answer.continue_token = "second";
    if (auto replaced = machine_.page(std::move(answer))) {
      copy_.clear();
      for (const Json& item : replaced->items) {
        copy_[metadata_string(item, "name")] = std::stoi(metadata_string(item, "resourceVersion"));
      }
      seen_ = snapshot_.first;
    }
  }

  void stream(bool trouble) {
    if (cursor_ < compacted_ && chance(2)) {
      EXPECT_FALSE(machine_.line(error_line(410), now_));
      return;
    }
    if (trouble && chance(5))
      return machine_.watch_ended(chance(2) ? std::optional(error(0)) : std::nullopt, now_);
    const auto next = history_.upper_bound(cursor_);
    if (next == history_.end()) {
      machine_.line(line(WatchLine::Kind::kBookmark, "", std::to_string(version_)), now_);
      cursor_ = version_;
      return;
    }
    cursor_ = next->first;
    EXPECT_GT(cursor_, seen_) << "handed over twice";
    seen_ = cursor_;
    const auto event = machine_.line(next->second, now_);
    if (const auto* upserted = std::get_if<Upserted>(&*event)) {
      copy_[metadata_string(upserted->object, "name")] = cursor_;
    } else {
      copy_.erase(metadata_string(std::get<Deleted>(*event).object, "name"));
    }
  }

  std::mt19937 random_;
  WatchMachine machine_;
  TimePoint now_ = kStart;
  int version_ = 1;
  int compacted_ = 0;
  int cursor_ = 0;
  int seen_ = 0;
  std::map<std::string, int> objects_;
  std::map<std::string, int> copy_;
  std::map<int, WatchLine> history_;
  std::pair<int, std::map<std::string, int>> snapshot_;
};

TEST(WatchMachineTest, TheCopyIsTheServersWhateverTheInterleaving) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model(seed).run();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace storagepool::kube
