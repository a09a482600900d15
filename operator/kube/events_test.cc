#include "operator/kube/events.h"

#include <future>

#include <gtest/gtest.h>

#include "operator/kube/testing/fake_transport.h"

namespace storagepool::kube {
namespace {

using namespace std::chrono_literals;
using TimePoint = EventSeries::TimePoint;

const TimePoint kFirstEvent{100h};

Event event(const std::string& note, const std::string& uid = "u-1") {
  return {.regarding = {{"apiVersion", "storagepool.dev/v1alpha1"},
                        {"kind", "StoragePool"},
                        {"namespace", "n"},
                        {"name", "audit"},
                        {"uid", uid}},
          .type = EventType::kWarning,
          .reason = "PostgresUnreachable",
          .action = "Connect",
          .note = note};
}

TEST(EventNameTest, IsFixedByWhatHappenedToWhat) {
  const std::string name = event_name(event("refused"));
  EXPECT_EQ(name, event_name(event("refused")));
  EXPECT_TRUE(name.starts_with("audit."));
  EXPECT_NE(name, event_name(event("timed out")));
  EXPECT_NE(name, event_name(event("refused", "u-2")));
  Event normal = event("refused");
  normal.type = EventType::kNormal;
  EXPECT_NE(name, event_name(normal));
  Event long_name = event("refused");
  long_name.regarding["name"] = std::string(253, 'x');
  EXPECT_LE(event_name(long_name).size(), 253u);
}

TEST(EventSeriesTest, AFirstOccurrenceIsWrittenAtOnceAndRepetitionsOncePerInterval) {
  EventSeries series;
  EXPECT_TRUE(series.record(event("a"), kFirstEvent));
  EXPECT_EQ(series.next_due(), kFirstEvent);
  auto writes = series.take_due(kFirstEvent);
  ASSERT_EQ(writes.size(), 1u);
  EXPECT_EQ(writes[0].repeated, 0u);
  EXPECT_EQ(writes[0].event.note, "a");
  EXPECT_EQ(series.next_due(), std::nullopt) << "steady state: nothing to write";
  EXPECT_TRUE(series.take_due(kFirstEvent + 1h).empty());

  for (int i = 0; i < 7; ++i) series.record(event("a"), kFirstEvent + 1s);
  EXPECT_EQ(series.next_due(), kFirstEvent + EventSeries::kInterval);
  EXPECT_TRUE(series.take_due(kFirstEvent + 2s).empty());
  writes = series.take_due(kFirstEvent + EventSeries::kInterval);
  ASSERT_EQ(writes.size(), 1u);
  EXPECT_EQ(writes[0].repeated, 7u);
}

TEST(EventSeriesTest, EachSeriesIsWrittenWhenItIsDue) {
  EventSeries series;
  series.record(event("a"), kFirstEvent);
  series.record(event("a"), kFirstEvent);
  EXPECT_EQ(series.take_due(kFirstEvent).size(), 1u);
  EXPECT_EQ(series.next_due(), kFirstEvent + EventSeries::kInterval)
      << "what was repeated before is yet to be told";
  series.record(event("b"), kFirstEvent + 5s);
  series.record(event("b"), kFirstEvent + 6s);
  EXPECT_EQ(series.next_due(), kFirstEvent + 5s);
  EXPECT_EQ(series.take_due(kFirstEvent + 6s).size(), 1u);
  const auto due = series.take_due(kFirstEvent + EventSeries::kInterval);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].event.note, "a");
  EXPECT_EQ(due[0].repeated, 1u);
  EXPECT_EQ(series.next_due(), kFirstEvent + 6s + EventSeries::kInterval);
}

TEST(EventSeriesTest, AnObjectThatNeverStopsChangingItsStoryIsBounded) {
  EventSeries series;
  int taken = 0;
  for (int i = 0; i < 1000; ++i) taken += series.record(event(std::to_string(i)), kFirstEvent);
  EXPECT_EQ(taken, EventSeries::kBurst);
  EXPECT_TRUE(series.record(event("x", "another"), kFirstEvent)) << "each object has its own allowance";
  EXPECT_TRUE(series.record(event("y"), kFirstEvent + EventSeries::kRefill));
  EXPECT_FALSE(series.record(event("z"), kFirstEvent + EventSeries::kRefill));
}

TEST(EventSeriesTest, HoldsABoundedNumberAndForgetsTheOld) {
  EventSeries series;
  for (std::size_t i = 0; i < EventSeries::kMaxSeries; ++i) {
    ASSERT_TRUE(series.record(event("a", std::to_string(i)), kFirstEvent));
  }
  EXPECT_FALSE(series.record(event("a", "one more"), kFirstEvent));
  EXPECT_EQ(series.take_due(kFirstEvent).size(), EventSeries::kMaxSeries);
  EXPECT_TRUE(series.record(event("a", "one more"), kFirstEvent + EventSeries::kForgetAfter));
}

TEST(EventObjectTest, HasWhatTheApiRequires) {
  Event long_note = event(std::string(1023, 'x') + "ä");
  const Json object =
      event_object({event_name(long_note), long_note, 0}, "2024-01-01T00:00:00.000000Z", "c/d", "pod-1");
  EXPECT_EQ(object["metadata"]["namespace"], "n");
  EXPECT_EQ(object["type"], "Warning");
  EXPECT_EQ(object["reportingController"], "c/d");
  EXPECT_EQ(object["reportingInstance"], "pod-1");
  EXPECT_EQ(object["regarding"]["uid"], "u-1");
  EXPECT_EQ(object["note"], std::string(1023, 'x')) << "cut between characters";
}

TEST(EventObjectTest, ReferencesAnObject) {
  const Json reference = reference_to({{"apiVersion", "v1"},
                                       {"kind", "Pod"},
                                       {"metadata", {{"name", "a"}, {"namespace", "n"}, {"uid", "u"}}}});
  EXPECT_EQ(reference,
            (Json{{"apiVersion", "v1"}, {"kind", "Pod"}, {"name", "a"}, {"namespace", "n"}, {"uid", "u"}}));
}

// Lets a test wait for the recorder's calls.
class Calls {
 public:
  void add(const ApiRequest& request) {
    const std::lock_guard lock(mutex_);
    seen_.push_back(std::string(to_string(request.method)) + " " + request.body);
    changed_.notify_all();
  }
  std::vector<std::string> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 10s, [&] { return seen_.size() >= count; });
    return seen_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> seen_;
};

TEST(EventRecorderTest, ContinuesTheSeriesOfAnEventThatIsThere) {
  Calls calls;
  FakeTransport transport([&](const ApiRequest& request) -> tl::expected<std::string, ApiError> {
    calls.add(request);
    if (request.method == Method::kPost)
      return tl::unexpected(ApiError{.status = 409, .reason = "AlreadyExists"});
    return R"({"metadata":{"name":"a"},"series":{"count":4}})";
  });
  const Client client(transport, "me");
  EventRecorder recorder(client, "storagepool.dev/operator", "pod-1");
  recorder.record(event("a"));
  const auto seen = calls.wait_for(3);
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[1], "PATCH {}");
  const Json patch = Json::parse(seen[2].substr(6));
  EXPECT_EQ(patch["series"]["count"], 5);
  EXPECT_EQ(patch["series"]["lastObservedTime"].get<std::string>().size(), 27u);
  EXPECT_EQ(patch.size(), 1u) << "all else is immutable";
}

TEST(EventRecorderTest, NeverBlocksTheCallerAndOutlivesAServerThatRefuses) {
  std::promise<void> let_go;
  auto gate = let_go.get_future().share();
  Calls calls;
  FakeTransport transport([&](const ApiRequest& request) -> tl::expected<std::string, ApiError> {
    calls.add(request);
    gate.wait();
    return tl::unexpected(ApiError{.status = 403, .reason = "Forbidden", .message = "no"});
  });
  const Client client(transport, "me");
  EventRecorder recorder(client, "storagepool.dev/operator", "pod-1");
  recorder.record(event("a"));
  calls.wait_for(1);
  for (int i = 0; i < 10000; ++i) recorder.record(event("b"));
  let_go.set_value();
  EXPECT_EQ(calls.wait_for(2).size(), 2u) << "one for each of the two";
}

}  // namespace
}  // namespace storagepool::kube
