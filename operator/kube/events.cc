#include "operator/kube/events.h"

#include <algorithm>
#include <utility>

#include "operator/kube/object.h"
#include "pool/common/runtime/loop/bounded_work.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/json/json.h"
#include "pool/common/runtime/log.h"

namespace storagepool::kube {
namespace {

constexpr std::chrono::minutes kWriteLimit{3};  // three requests

// How often an Event as stored has happened.
std::uint64_t count_of(const Json& stored) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(1, json::integer_at(stored, "/series/count", 1)));
}

}  // namespace

EventRecorder::EventRecorder(const Client& client, std::string controller, std::string instance)
    : client_(client),
      controller_(std::move(controller)),
      instance_(std::move(instance)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

EventRecorder::~EventRecorder() {
  thread_.request_stop();
  thread_.join();
}

void EventRecorder::record(const Event& event) {
  bool taken = false;
  {
    const std::lock_guard lock(mutex_);
    taken = series_.record(event, runtime::steady_now());
  }
  if (!taken) {
    log::warn("event dropped: too many", {{"reason", event.reason}, {"note", event.note}});
    return;
  }
  wake_.notify_one();
}

void EventRecorder::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto now = runtime::steady_now();
    for (auto& due : series_.take_due(now)) {
      lock.unlock();
      if (auto done = write(due); !done) {
        log::warn("event not written", {{"reason", due.event.reason}, {"error", done.error().to_string()}});
      }
      lock.lock();
      if (stop.stop_requested()) return;
    }
    const auto changed = [&] { return series_.next_due() != std::nullopt; };
    const auto due = series_.next_due();
    if (!due) {
      wake_.wait(lock, stop, changed);
    } else if (*due > now) {
      wake_.wait_until(lock, stop, *due, [&] { return series_.next_due() != due; });
    }
  }
}

tl::expected<void, ApiError> EventRecorder::write(const EventSeries::Write& write) {
  const runtime::BoundedWork work("writing an event", kWriteLimit);
  const std::string time = runtime::format_microseconds(runtime::wall_now());
  const Json object = event_object(write, time, controller_, instance_);
  const ObjectKey key = key_of(object);
  if (write.repeated == 0) {
    auto created = client_.create(resources::kEvents, object);
    if (created) return {};
    if (!created.error().is_already_exists()) return tl::unexpected(created.error());
  }
  // An empty patch reads the object with the verb that the next call needs anyway.
  auto stored = client_.merge_patch(resources::kEvents, key, Json::object());
  if (!stored && stored.error().is_not_found()) {
    // The server keeps events for an hour or so.
    auto created = client_.create(resources::kEvents, object);
    return created ? tl::expected<void, ApiError>() : tl::unexpected(created.error());
  }
  if (!stored) return tl::unexpected(stored.error());
  const std::uint64_t count = count_of(*stored) + std::max<std::uint64_t>(1, write.repeated);
  auto patched = client_.merge_patch(resources::kEvents, key,
                                     {{"series", {{"count", count}, {"lastObservedTime", time}}}});
  return patched ? tl::expected<void, ApiError>() : tl::unexpected(patched.error());
}

}  // namespace storagepool::kube
