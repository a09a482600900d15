// Records Kubernetes events (events.k8s.io/v1) about an object, for `kubectl describe` and `kubectl events`.
// The same (object, reason, note) is one Event whose series counts the repetitions: its name is derived from
// them, so a restarted operator continues the series instead of adding another. Recording never blocks and
// never fails the caller: events wait in a bounded queue, are written by one thread at a bounded rate, and a
// failed write is logged and dropped.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "operator/kube/kube.h"
#include "operator/kube/resource.h"

namespace storagepool::kube {

enum class EventType { kNormal, kWarning };

struct Event {
  Json regarding;  // apiVersion, kind, namespace, name, uid: see `reference_to`
  EventType type = EventType::kNormal;
  std::string reason;  // CamelCase, at most 128 bytes
  std::string action;  // what the operator did or tried, CamelCase, at most 128 bytes
  std::string note;    // for people, cut to 1024 bytes; never a secret
};

// The object reference of an object as the API serves it.
Json reference_to(const Json& object);

// Pure: which events to write and when.
class EventSeries {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  // A repetition is written at most once per interval and series; per object at most kBurst different events
  // at once, one more each kRefill.
  static constexpr std::chrono::seconds kInterval{60};
  static constexpr std::chrono::hours kForgetAfter{1};
  static constexpr int kBurst = 25;
  static constexpr std::chrono::seconds kRefill{20};
  static constexpr std::size_t kMaxSeries = 4096;
  static constexpr std::chrono::seconds kSweep{1};  // how often the old are looked for, through all

  struct Write {
    std::string name;  // of the Event object
    Event event;
    std::uint64_t repeated = 0;  // occurrences since the last write; 0: the first one of all
  };

  // False: dropped (rate or bound).
  bool record(const Event& event, TimePoint now);
  // The writes that are due now.
  std::vector<Write> take_due(TimePoint now);
  std::optional<TimePoint> next_due() const;

 private:
  struct Series {
    Event event;
    std::uint64_t pending = 0;
    bool written = false;
    TimePoint due;
    TimePoint last_seen;
  };
  struct Bucket {
    double tokens;
    TimePoint at;
  };
  void forget_old(TimePoint now);

  std::map<std::string, Series> series_;                 // by the Event's name
  std::set<std::pair<TimePoint, std::string>> waiting_;  // those with something to write, by when it is due
  TimePoint swept_ = TimePoint::min();
  std::map<std::string, Bucket> buckets_;  // by object UID
};

// "<object>.<hash of uid, type, reason and note>".
std::string event_name(const Event& event);
// The Event object of a first occurrence; `time` as RFC 3339 with microseconds.
Json event_object(const EventSeries::Write& write, const std::string& time, const std::string& controller,
                  const std::string& instance);

class EventRecorder {
 public:
  // `controller`: e.g. "storagepool.dev/operator"; `instance`: this process, e.g. the pod's name. The client
  // outlives the recorder. Needs the verbs create and patch on events.events.k8s.io.
  EventRecorder(const Client& client, std::string controller, std::string instance);
  ~EventRecorder();  // ends after the write in progress; what is not written yet is lost
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;

  void record(const Event& event);

 private:
  void run(const std::stop_token& stop);
  tl::expected<void, ApiError> write(const EventSeries::Write& write);

  const Client& client_;
  std::string controller_;
  std::string instance_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  EventSeries series_;
  std::jthread thread_;
};

}  // namespace storagepool::kube
