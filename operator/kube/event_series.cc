#include <algorithm>
#include <utility>

#include "operator/kube/events.h"
#include "operator/kube/object.h"
#include "pool/common/json/json.h"
#include "pool/common/encoding/sha256.h"

namespace storagepool::kube {
namespace {

constexpr std::size_t kMaxNoteBytes = 1024;
constexpr std::size_t kHashDigits = 16;
constexpr std::size_t kMaxObjectNameBytes = 230;  // of 253, the rest for the hash

std::string type_name(EventType type) {
  return type == EventType::kWarning ? "Warning" : "Normal";
}

std::string cut(const std::string& text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
  return text.substr(0, limit);
}

}  // namespace

Json reference_to(const Json& object) {
  const ObjectKey key = key_of(object);
  Json reference{{"apiVersion", json::text_at(object, "/apiVersion")},
                 {"kind", json::text_at(object, "/kind")},
                 {"name", key.name},
                 {"uid", metadata_string(object, "uid")}};
  if (!key.name_space.empty()) reference["namespace"] = key.name_space;
  return reference;
}

std::string event_name(const Event& event) {
  const char separator = '\0';
  const std::string hash =
      encoding::sha256_hex(json::text_at(event.regarding, "/uid") + separator + type_name(event.type) +
                           separator + event.reason + separator + event.note);
  return cut(json::text_at(event.regarding, "/name"), kMaxObjectNameBytes) + "." +
         hash.substr(0, kHashDigits);
}

Json event_object(const EventSeries::Write& write, const std::string& time, const std::string& controller,
                  const std::string& instance) {
  const std::string name_space = json::text_at(write.event.regarding, "/namespace");
  return {{"metadata", {{"name", write.name}, {"namespace", name_space.empty() ? "default" : name_space}}},
          {"eventTime", time},
          {"reportingController", controller},
          {"reportingInstance", cut(instance, 128)},
          {"action", write.event.action},
          {"reason", write.event.reason},
          {"regarding", write.event.regarding},
          {"note", cut(write.event.note, kMaxNoteBytes)},
          {"type", type_name(write.event.type)}};
}

bool EventSeries::record(const Event& event, TimePoint now) {
  forget_old(now);
  const std::string name = event_name(event);
  if (const auto found = series_.find(name); found != series_.end()) {
    ++found->second.pending;
    found->second.last_seen = now;
    waiting_.emplace(found->second.due, name);
    return true;
  }
  if (series_.size() >= kMaxSeries) return false;
  Bucket& bucket =
      buckets_.try_emplace(json::text_at(event.regarding, "/uid"), Bucket{kBurst, now}).first->second;
  const double refilled = std::chrono::duration<double>(now - bucket.at) / kRefill;
  bucket = {std::min<double>(kBurst, bucket.tokens + refilled), now};
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  series_.emplace(name, Series{.event = event, .due = now, .last_seen = now});
  waiting_.emplace(now, name);
  return true;
}

std::vector<EventSeries::Write> EventSeries::take_due(TimePoint now) {
  std::vector<Write> writes;
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    const std::string name = std::move(waiting_.extract(waiting_.begin()).value().second);
    Series& series = series_.at(name);
    // The first write carries no count: what was repeated before it is told with the next one.
    const std::uint64_t repeated = series.written ? std::exchange(series.pending, 0) : 0;
    writes.push_back({name, series.event, repeated});
    series.written = true;
    series.due = now + kInterval;
    if (series.pending > 0) waiting_.emplace(series.due, name);
  }
  return writes;
}

std::optional<EventSeries::TimePoint> EventSeries::next_due() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.begin()->first;
}

void EventSeries::forget_old(TimePoint now) {
  if (now < swept_ + kSweep) return;
  swept_ = now;
  std::erase_if(series_, [&](const auto& entry) {
    const Series& series = entry.second;
    return series.written && series.pending == 0 && now - series.last_seen >= kForgetAfter;
  });
  // A bucket that would be full by now tells nothing.
  std::erase_if(buckets_, [&](const auto& entry) { return now - entry.second.at >= kBurst * kRefill; });
}

}  // namespace storagepool::kube
