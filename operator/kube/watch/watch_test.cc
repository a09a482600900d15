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
  if (std::holds_alternative<WatchMachine::AskVersion>(action)) return "version";
  return std::holds_alternative<WatchMachine::Wait>(action) ? "wait" : "list";
}

std::chrono::milliseconds wait_of(const WatchMachine& machine, TimePoint now) {
  const auto action = machine.next(now);
  const auto* wait = std::get_if<WatchMachine::Wait>(&action);
  return wait ? std::chrono::duration_cast<std::chrono::milliseconds>(wait->until - now) : 0ms;
}

WatchMachine listed(std::uint32_t seed = 1) {
  WatchMachine machine(seed);
  machine.page({"10", "", {object("a", "9")}}, kStart);
  return machine;
}

TEST(WatchMachineTest, ListsAllPagesThenWatchesFromTheListsVersion) {
  WatchMachine machine(1);
  EXPECT_TRUE(wants_list(machine, kStart));
  EXPECT_FALSE(machine.page({"10", "more", {object("a", "1"), object("b", "2")}}, kStart));
  EXPECT_TRUE(wants_list(machine, kStart, "more"));
  const auto replaced = machine.page({"10", "", {object("c", "3")}}, kStart + 1s);
  ASSERT_TRUE(replaced);
  EXPECT_EQ(replaced->items.size(), 3u);
  EXPECT_EQ(replaced->version, 10u);
  EXPECT_EQ(replaced->began, kStart);
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
  machine.page({"11", "", {}}, kStart);
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
    EXPECT_EQ(wants_watch(machine, kStart + 1min), "version") << status;
    machine.version_told("15");
    EXPECT_EQ(wants_watch(machine, kStart + 1min), "15") << status;
  }
}

TEST(WatchMachineTest, AWatchWithoutAWordIsResumedFromAVersionThatTheStorageHasComeTo) {
  for (const auto& [told, then] : {std::pair("10", "10"), std::pair("11", "10"), std::pair("9", "list")}) {
    WatchMachine machine = listed();
    machine.watch_started(kStart);
    machine.watch_ended(std::nullopt, kStart + 20s);
    EXPECT_EQ(wants_watch(machine, kStart + 20s), "version");
    machine.version_told(told);
    EXPECT_EQ(wants_watch(machine, kStart + 20s), then) << told;
  }
}

TEST(WatchMachineTest, WhereTheVersionCannotBeAskedEverythingIsListed) {
  WatchMachine machine = listed();
  machine.watch_started(kStart);
  machine.watch_ended(error(0), kStart);
  EXPECT_EQ(wants_watch(machine, kStart + 1min), "version");
  machine.list_failed(error(0), kStart + 1min);
  EXPECT_TRUE(wants_list(machine, kStart + 2min));
  machine.page({"12", "", {}}, kStart + 2min);
  EXPECT_EQ(wants_watch(machine, kStart + 2min), "12") << "nothing is left of the doubt";
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
  machine.page({"10", "more", {object("a", "1")}}, kStart);
  machine.list_failed(error(410), kStart);
  EXPECT_TRUE(wants_list(machine, kStart));
  const auto replaced = machine.page({"12", "", {object("b", "2")}}, kStart);
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

TEST(WatchLineTest, OfAnObjectOnlyWhatIsReadAndOfAStatusAll) {
  const auto selection = Selection::only({"/metadata/name", "/metadata/resourceVersion"}).at("/object");
  const auto changed = parse_watch_line(
      R"({"type":"MODIFIED","object":{"metadata":{"name":"a","resourceVersion":"7","x":1},"spec":{}}})",
      selection);
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->object, Json::parse(R"({"metadata":{"name":"a","resourceVersion":"7"}})"));
  const auto error = parse_watch_line(
      R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"old"}})",
      selection);
  ASSERT_TRUE(error);
  EXPECT_TRUE(error_of(error->object).is_gone());
  EXPECT_EQ(error_of(error->object).message, "old");
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
  machine.version_told("12");
  EXPECT_EQ(wants_watch(machine, kStart + 2min), "10") << "where it began";
}

TEST(WatchMachineTest, AStreamThatCannotBeReadListsAnew) {
  WatchMachine machine = listed();
  machine.watch_started(kStart);
  machine.watch_ended(ApiError{.reason = std::string(kReasonMalformed), .message = "m"}, kStart);
  EXPECT_EQ(wants_watch(machine, kStart), "wait");
  EXPECT_TRUE(wants_list(machine, kStart + 1min)) << "resumed, the same would come again";
}

}  // namespace
}  // namespace storagepool::kube
