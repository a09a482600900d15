// List and watch as an explicit state machine: list all pages, watch from the list's resourceVersion, keep up through
// bookmarks, relist after 410 Gone (also when it comes inside a stream as an ERROR event), resume after any other end,
// wait with jittered back-off after failures. WatchMachine is pure: it says what to do next and is told what came of
// it; WatchDriver does it over a Transport on the calling thread. Source: Kubernetes API concepts, "Efficient detection
// of changes".
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "operator/kube/resource.h"
#include "operator/kube/transport.h"

namespace storagepool::kube {

// What the consumer is told.
struct Replaced {
  std::vector<Json> items;  // the complete list: whatever is not in it is gone
};
struct Upserted {
  Json object;
};
struct Deleted {
  Json object;
};
using WatchEvent = std::variant<Replaced, Upserted, Deleted>;

// One line of a watch, decoded.
struct WatchLine {
  enum class Kind { kAdded, kModified, kDeleted, kBookmark, kError };
  Kind kind;
  Json object;     // of kError: a Status
};
tl::expected<WatchLine, ApiError> parse_watch_line(std::string_view line);

class WatchMachine {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds kBackoffMin{800};
  static constexpr std::chrono::milliseconds kBackoffMax{30000};
  // A watch that lived this long counts as a success: back-off starts anew.
  static constexpr std::chrono::seconds kStable{30};

  struct ListPage {
    std::string continue_token;  // empty: the first page
  };
  struct OpenWatch {
    std::string resource_version;
  };
  struct Wait {
    TimePoint until;
  };
  using Action = std::variant<ListPage, OpenWatch, Wait>;

  explicit WatchMachine(std::uint32_t seed);

  Action next(TimePoint now) const;

  // A page came. When it was the last: the whole list.
  std::optional<Replaced> page(std::vector<Json> items, std::string resource_version, std::string continue_token);
  void list_failed(const ApiError& error, TimePoint now);

  void watch_opened(TimePoint now);
  // An event for the consumer, or nothing (bookmark, error). After an ERROR line `watching()` is false: close the stream.
  std::optional<WatchEvent> line(WatchLine line, TimePoint now);
  // The stream ended, in order or with an error.
  void watch_ended(const std::optional<ApiError>& error, TimePoint now);
  bool watching() const { return state_ == State::kWatching; }

 private:
  enum class State { kListing, kResuming, kWatching };
  void relist();
  void back_off(TimePoint now, std::chrono::milliseconds at_least);
  void settle();

  std::minstd_rand random_;
  State state_ = State::kListing;
  std::vector<Json> items_;
  std::string continue_token_;
  std::string resource_version_;
  int failures_ = 0;
  std::optional<TimePoint> wait_until_;
  TimePoint opened_at_{};
};

struct WatchOptions {
  ResourceType type;
  std::string name_space = {};
  std::string label_selector = {};
  int page_size = 500;
  // What the server is asked to end a watch after, plus up to a third more by chance.
  std::chrono::seconds timeout{120};
};

class WatchDriver {
 public:
  WatchDriver(Transport& transport, WatchOptions options, std::uint32_t seed);
  // Runs until `stop`; `sink` is called on this thread. Failures are logged, each first one of its kind as a warning.
  void run(const std::function<void(WatchEvent)>& sink, std::stop_token stop);

 private:
  void list_page(const WatchMachine::ListPage& action, const std::function<void(WatchEvent)>& sink);
  void watch(const WatchMachine::OpenWatch& action, const std::function<void(WatchEvent)>& sink,
             const std::stop_token& stop);

  Transport& transport_;
  WatchOptions options_;
  WatchMachine machine_;
  std::minstd_rand random_;
};

}  // namespace storagepool::kube
