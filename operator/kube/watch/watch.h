// List and watch as an explicit state machine: list all pages, watch from the list's resourceVersion, keep up
// through bookmarks, relist after 410 Gone (also when it comes inside a stream as an ERROR event), resume
// after any other end, wait with jittered back-off after failures. WatchMachine is pure: it says what to do
// next and is told what came of it; WatchDriver does it over a Transport on the calling thread. Source:
// Kubernetes API concepts, "Efficient detection of changes".
//
// After a restore of the API server's storage versions begin again at lower numbers. A watch from a higher
// one is then silent, without an error, until they have come that far. So a watch that failed, or that ended
// without a word, is resumed only once the API server has told a version that is no lower; one that could not
// be asked at all may be another when it is back, and everything is listed anew.
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

#include "operator/kube/kube.h"
#include "operator/kube/resource.h"
#include "operator/kube/selection/selection.h"
#include "operator/kube/transport/transport.h"
#include "pool/common/runtime/loop/bounded_work.h"

namespace storagepool::kube {

// What the consumer is told.
struct Replaced {
  std::vector<std::string> items;                    // JSON; the complete list: whatever is not in it is gone
  std::uint64_t version = 0;                         // of the list
  std::chrono::steady_clock::time_point began = {};  // it was asked for then
};
struct Upserted {
  Json object;
};
struct Deleted {
  Json object;
};
// Items of a list, or events, that are no objects with a name and a version: left out.
struct Skipped {
  int count = 1;
};
using WatchEvent = std::variant<Replaced, Upserted, Deleted, Skipped>;

// One line of a watch, decoded.
struct WatchLine {
  enum class Kind { kAdded, kModified, kDeleted, kBookmark, kError, kMalformed };
  Kind kind;
  Json object;  // of kError: a Status; of kMalformed: as it came
};
// An error where the text is no JSON: then the stream is broken. kMalformed is what is no watch event, or of
// an object without name or resourceVersion. `selection` of the line as a whole, but for a Status.
tl::expected<WatchLine, ApiError> parse_watch_line(std::string_view line,
                                                   const Selection& selection = Selection());
// The error that an ERROR line's Status stands for.
ApiError error_of(const Json& status);

class WatchMachine {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  // A wait after a failure is between the two, doubling with each failure in a row.
  static constexpr std::chrono::milliseconds kBackoffMin{800};
  static constexpr std::chrono::milliseconds kBackoffMax{30000};
  // A watch that lived this long ends a row of failures; one that ended sooner than kShort is a failure
  // itself.
  static constexpr std::chrono::seconds kStable{10};
  static constexpr std::chrono::seconds kShort{1};

  struct FetchPage {
    std::string continue_token;  // empty: the first page
  };
  struct AskVersion {};  // of the storage
  struct OpenWatch {
    std::string resource_version;
  };
  struct Wait {
    TimePoint until;
  };
  using Action = std::variant<FetchPage, AskVersion, OpenWatch, Wait>;

  // `seed`: of the back-off's jitter.
  explicit WatchMachine(std::uint32_t seed) : random_(seed) {}

  Action next(TimePoint now) const;

  // What came of FetchPage. When the page was the last: the whole list.
  std::optional<Replaced> page(ListPage page, TimePoint asked);
  // What came of AskVersion.
  void version_told(const std::string& resource_version);
  // Of either.
  void list_failed(const ApiError& error, TimePoint now);

  // What came of OpenWatch: first watch_started, then lines, then watch_ended. An event for the consumer, or
  // nothing (bookmark, error). After an ERROR line `watching()` is false: close the stream, watch_ended then
  // changes nothing.
  void watch_started(TimePoint now);
  std::optional<WatchEvent> line(WatchLine line, TimePoint now);
  void watch_ended(const std::optional<ApiError>& error, TimePoint now);
  bool watching() const { return state_ == State::kWatching; }

 private:
  enum class State { kListing, kResuming, kWatching };
  void start_list();
  void failed(const ApiError& error, TimePoint now);
  void back_off(TimePoint now, std::chrono::milliseconds at_least);

  std::mt19937 random_;
  State state_ = State::kListing;
  std::vector<std::string> items_;  // of the pages so far, as text, which takes a fifth of the room
  std::string continue_token_;
  std::string resource_version_;
  TimePoint list_began_{};
  bool heard_ = false;     // an event or a bookmark in this watch
  bool in_doubt_ = false;  // whether the storage has come to resource_version_
  int failures_ = 0;       // in a row
  std::optional<TimePoint> wait_until_;
  TimePoint started_{};
};

struct WatchOptions {
  ResourceType type;
  std::string name_space = {};  // empty: all namespaces
  std::string label_selector = {};
  Selection selection = Selection::all_but({"/metadata/managedFields"});  // of an object, what is read of it
  std::function<void(Json& object)> prune = {};                           // takes away more
  int page_size = 100;  // some megabytes of StatefulSets while they are read
  // What the server is asked to end a watch after, plus up to a third more by chance. Shortly before it sends
  // a bookmark, so that the next one begins there. A connection that is half-open is noticed only by the end
  // that does not come: within half a minute (kSilenceMargin).
  std::chrono::seconds timeout{18};
};

// A request and what is done with its answer; of a watch, from one line to the next.
inline constexpr std::chrono::minutes kPieceLimit{3};

class WatchDriver {
 public:
  using Sink = std::function<void(WatchEvent)>;

  // The transport outlives the driver.
  WatchDriver(Transport& transport, WatchOptions options, std::uint32_t seed);
  // Runs until `stop`; `sink` is called on this thread. Each failure is logged.
  void run(const Sink& sink, const std::stop_token& stop);

 private:
  void fetch(const WatchMachine::FetchPage& action, const Sink& sink, const std::stop_token& stop);
  void ask_version(const std::stop_token& stop);
  void watch(const WatchMachine::OpenWatch& action, const Sink& sink, runtime::BoundedWork& work,
             const std::stop_token& stop);
  void warn(const char* what, const ApiError& error) const;

  Transport& transport_;
  WatchOptions options_;
  const Selection list_;
  const Selection line_;
  WatchMachine machine_;
  std::mt19937 random_;
};

}  // namespace storagepool::kube
