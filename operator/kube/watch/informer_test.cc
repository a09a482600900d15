#include "operator/kube/watch/informer.h"

#include <condition_variable>

#include <gtest/gtest.h>

#include "operator/kube/object.h"
#include "operator/kube/testing/fake_transport.h"

namespace storagepool::kube {
namespace {

using namespace std::chrono_literals;

Json served_object(const std::string& name, const std::string& version) {
  return {{"metadata",
           {{"name", name},
            {"namespace", "n"},
            {"resourceVersion", version},
            {"managedFields", {{{"manager", "m"}}}}}}};
}

std::string list_of(const std::string& version, const std::vector<Json>& items) {
  return Json{{"metadata", {{"resourceVersion", version}}}, {"items", items}}.dump();
}

std::string line(const std::string& type, const Json& body) {
  return Json{{"type", type}, {"object", body}}.dump();
}

// What the handlers were told, as words.
class Log {
 public:
  InformerHandlers handlers() {
    return {[this](const ObjectPtr& before, const ObjectPtr& now) {
              add((before ? "change " : "new ") + metadata_string(*now, "name"));
            },
            [this](const ObjectPtr& gone) { add("gone " + metadata_string(*gone, "name")); }};
  }
  void add(const std::string& word) {
    const std::lock_guard lock(mutex_);
    words_.push_back(word);
    changed_.notify_all();
  }
  bool wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 60s, [&] { return words_.size() >= count; });
  }
  std::vector<std::string> words() {
    const std::lock_guard lock(mutex_);
    return words_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> words_;
};

// A stream that stays open until it is stopped.
tl::expected<void, ApiError> hold(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait(lock, stop, [] { return false; });
  return tl::unexpected(ApiError{.reason = std::string(kReasonCancelled)});
}

TEST(InformerTest, FollowsListWatchAndRelist) {
  std::atomic<int> lists{0};
  FakeTransport transport(
      [&](const ApiRequest&) {
        return ++lists == 1 ? list_of("5", {served_object("a", "1"), served_object("b", "2")})
                            : list_of("9", {served_object("b", "2"), served_object("c", "8")});
      },
      [&](const StreamRequest& request, const LineHandler& on_line, const std::stop_token& stop) {
        EXPECT_EQ(parameter(request.query, "labelSelector"), "x=y");
        EXPECT_LE(request.silence, 30s) << "a half-open connection is noticed";
        const int asked = std::stoi(parameter(request.query, "timeoutSeconds"));
        EXPECT_GE(request.silence, std::chrono::seconds(asked + 5)) << "a slow server is not taken for one";
        if (lists == 2) return hold(stop);
        EXPECT_EQ(parameter(request.query, "resourceVersion"), "5");
        EXPECT_TRUE(on_line(line("MODIFIED", served_object("a", "6"))));
        EXPECT_TRUE(on_line(line("MODIFIED", served_object("a", "6"))));
        EXPECT_TRUE(on_line(line("ADDED", served_object("d", "7"))));
        EXPECT_TRUE(on_line(line("DELETED", served_object("d", "8"))));
        EXPECT_FALSE(on_line(line("ERROR", {{"kind", "Status"}, {"code", 410}})));
        return tl::expected<void, ApiError>();
      });
  Log log;
  Informer informer(transport, {.type = resources::kPods, .label_selector = "x=y"}, log.handlers(), 1);
  EXPECT_FALSE(informer.has_synced());
  informer.start();
  ASSERT_TRUE(log.wait_for(7));
  informer.stop();
  EXPECT_TRUE(informer.has_synced());
  EXPECT_EQ(log.words(),
            (std::vector<std::string>{"new a", "new b", "change a", "new d", "gone d", "new c", "gone a"}));
  ASSERT_EQ(informer.list().size(), 2u);
  EXPECT_EQ(informer.list("other").size(), 0u);
  EXPECT_EQ(metadata_string(*informer.get({"n", "c"}), "resourceVersion"), "8");
  EXPECT_EQ(informer.get({"n", "a"}), nullptr);
  EXPECT_FALSE((*informer.get({"n", "b"}))["metadata"].contains("managedFields"));
}

TEST(InformerTest, AHundredAreReadAsAFewAre) {
  constexpr std::size_t kMany = 250;  // those beyond a hundred are packed
  std::vector<Json> items;
  for (std::size_t i = 0; i < kMany; ++i)
    items.push_back(served_object("o" + std::to_string(i), std::to_string(i + 1)));
  FakeTransport transport([&](const ApiRequest&) { return list_of("300", items); },
                          [&](const StreamRequest&, const LineHandler& on_line, const std::stop_token& stop) {
                            EXPECT_TRUE(on_line(line("MODIFIED", served_object("o1", "301"))));
                            EXPECT_TRUE(on_line(line("MODIFIED", served_object("o249", "302"))));
                            EXPECT_TRUE(on_line(line("DELETED", served_object("o2", "303"))));
                            EXPECT_TRUE(on_line(line("DELETED", served_object("o248", "304"))));
                            return hold(stop);
                          });
  Log log;
  Informer informer(transport, {.type = resources::kPods}, log.handlers(), 1);
  informer.start();
  ASSERT_TRUE(log.wait_for(kMany + 4));
  informer.stop();
  EXPECT_EQ(informer.list().size(), kMany - 2);
  const auto version = [&](const std::string& name) {
    return metadata_string(*informer.get({"n", name}), "resourceVersion");
  };
  EXPECT_EQ(version("o0"), "1");
  EXPECT_EQ(version("o1"), "301");
  EXPECT_EQ(version("o249"), "302");
  EXPECT_EQ(version("o200"), "201");
}

TEST(InformerTest, StopsAtOnceFromEachState) {
  const auto refuse = [](const ApiRequest&) -> tl::expected<std::string, ApiError> {
    return tl::unexpected(ApiError{.reason = std::string(kReasonTransport), .message = "refused"});
  };
  FakeTransport away(refuse);
  Log log;
  Informer waiting(away, {.type = resources::kPods}, log.handlers(), 1);
  waiting.start();
  waiting.stop();
  EXPECT_FALSE(waiting.has_synced());

  FakeTransport there([](const ApiRequest&) { return list_of("5", {served_object("a", "1")}); },
                      [](const auto&, const auto&, const std::stop_token& stop) { return hold(stop); });
  Informer watching(there, {.type = resources::kPods}, log.handlers(), 1);
  watching.start();
  ASSERT_TRUE(log.wait_for(1));
  watching.stop();
  watching.stop();
}

TEST(InformerTest, ALineThatCannotBeReadEndsTheWatchAndAllIsListedAnew) {
  std::atomic<int> lists{0};
  FakeTransport transport(
      [&](const ApiRequest&) {
        return ++lists == 1 ? list_of("5", {}) : list_of("7", {served_object("b", "7")});
      },
      [&](const StreamRequest&, const LineHandler& on_line, const std::stop_token& stop) {
        if (lists > 1) return hold(stop);
        EXPECT_TRUE(on_line(line("ADDED", served_object("a", "6"))));
        EXPECT_FALSE(on_line("{broken"));
        return tl::expected<void, ApiError>();
      });
  Log log;
  Informer informer(transport, {.type = resources::kPods}, log.handlers(), 1);
  informer.start();
  ASSERT_TRUE(log.wait_for(3));
  EXPECT_EQ(log.words(), (std::vector<std::string>{"new a", "new b", "gone a"}));
}

TEST(InformerTest, WhatHasNoNameIsLeftOutAndCounted) {
  FakeTransport transport(
      [](const ApiRequest&) {
        return list_of("5", {1, Json::object(), served_object("a", "1"), nullptr});
      },
      [](const StreamRequest&, const LineHandler& on_line, const std::stop_token& stop) {
        EXPECT_TRUE(on_line(line("ADDED", {{"metadata", "none"}})));
        EXPECT_TRUE(on_line(R"({"type":"DELETED"})"));
        EXPECT_TRUE(on_line("[]"));
        EXPECT_TRUE(on_line(line("ADDED", served_object("b", "6"))));
        return hold(stop);
      });
  Log log;
  std::atomic<int> skipped{0};
  InformerHandlers handlers = log.handlers();
  handlers.on_skip = [&](int count) { skipped += count; };
  Informer informer(transport, {.type = resources::kPods}, std::move(handlers), 1);
  informer.start();
  ASSERT_TRUE(log.wait_for(2));
  EXPECT_EQ(log.words(), (std::vector<std::string>{"new a", "new b"}));
  EXPECT_EQ(skipped, 6);
}

}  // namespace
}  // namespace storagepool::kube
