#include "operator/reconcile/view/trouble.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "operator/kube/object.h"
#include "pool/common/json/json.h"

namespace storagepool::reconcile {
namespace {

using json::integer_at;
using json::member;
using json::text_at;

constexpr std::size_t kMaxWords = 512;

bool has_any(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return text.find(part) != std::string_view::npos; });
}

bool is_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

// "audit-0: words", or without words what a person would say.
std::string said_of(const std::string& pod, const std::string& words, std::string_view otherwise) {
  return pod + ": " + (words.empty() ? std::string(otherwise) : cluster_words(words));
}

// The kubelet repeats the failure behind a back-off that it announces.
std::string_view without_back_off(std::string_view text) {
  constexpr std::string_view kPull = ": ErrImagePull: ";
  const std::size_t at = text.starts_with("Back-off pulling image") ? text.find(kPull) : text.npos;
  return at == text.npos ? text : text.substr(at + kPull.size());
}

Trouble of_image(const std::string& pod, const std::string& reason, const std::string& image,
                 const std::string& message) {
  const std::string words = "image " + image + ": " + std::string(without_back_off(message));
  const bool named_wrongly = is_any(reason, {"InvalidImageName", "ErrImageNeverPull"});
  const bool refused = has_any(message, {"not found", "NotFound", "manifest unknown", "does not exist",
                                         "unauthorized", "denied", "403 Forbidden"});
  return {.reason = reason == "InvalidImageName" ? reason : "ImagePullBackOff",
          .message = said_of(pod, words, ""),
          .lasting = named_wrongly || refused};
}

bool is_crash(const Json& terminated) {
  return terminated.is_object() &&
         (integer_at(terminated, "/exitCode", 0) != 0 || text_at(terminated, "/reason") == "OOMKilled");
}

Trouble of_crash(const std::string& pod, const Json& terminated) {
  const bool memory = text_at(terminated, "/reason") == "OOMKilled";
  std::string words =
      "the container ended with exit code " + std::to_string(integer_at(terminated, "/exitCode", 0));
  if (const std::string why = text_at(terminated, "/reason"); !why.empty()) words += " (" + why + ")";
  if (const std::string last = text_at(terminated, "/message"); !last.empty()) words += ": " + last;
  if (memory) words += ": it may use more memory with spec.resources.limits.memory";
  return {.reason = memory ? "OOMKilled" : "CrashLoopBackOff", .message = said_of(pod, words, "")};
}

std::optional<Trouble> of_container(const std::string& pod, const Json& container) {
  const Json& state = member(container, "state");
  const Json& last = json::at(container, "/lastState/terminated");
  const Json& waiting = member(state, "waiting");
  if (waiting.is_object()) {
    const std::string reason = text_at(waiting, "/reason");
    const std::string message = text_at(waiting, "/message");
    if (reason == "CrashLoopBackOff") return of_crash(pod, last);
    if (reason.find("Image") != std::string::npos || reason == "RegistryUnavailable")
      return of_image(pod, reason, text_at(container, "/image"), message);
    if (reason.empty() || is_any(reason, {"ContainerCreating", "PodInitializing"})) {
      return is_crash(last) ? std::optional(of_crash(pod, last)) : std::nullopt;
    }
    return Trouble{.reason = reason,
                   .message = said_of(pod, message, "its container cannot be made"),
                   .lasting = reason == "RunContainerError"};
  }
  if (is_crash(member(state, "terminated"))) return of_crash(pod, member(state, "terminated"));
  if (member(state, "running").is_object() && is_crash(last)) {
    Trouble again = of_crash(pod, last);
    again.running_since =
        runtime::parse_timestamp(text_at(state, "/running/startedAt")).value_or(runtime::Timestamp{});
    return again;
  }
  return std::nullopt;
}

std::optional<Trouble> of_containers(const Json& pod, const std::string& name, const char* list) {
  const Json& containers = json::at(pod, list);
  if (!containers.is_array()) return std::nullopt;
  for (const Json& container : containers) {
    if (member(container, "ready") == Json(true)) continue;
    if (auto found = of_container(name, container)) return found;
  }
  return std::nullopt;
}

const Json* not_scheduled(const Json& pod) {
  const Json& conditions = json::at(pod, "/status/conditions");
  if (!conditions.is_array()) return nullptr;
  for (const Json& condition : conditions) {
    if (text_at(condition, "/type") == "PodScheduled" && text_at(condition, "/status") == "False")
      return &condition;
  }
  return nullptr;
}

// Events are written in two ways, by age of who writes them.
std::optional<runtime::Timestamp> time_of(const Json& event) {
  std::optional<runtime::Timestamp> latest;
  for (const char* field : {"/series/lastObservedTime", "/deprecatedLastTimestamp", "/eventTime",
                            "/metadata/creationTimestamp"}) {
    const auto time = runtime::parse_timestamp(text_at(event, field));
    if (time && (!latest || *time > *latest)) latest = time;
  }
  return latest;
}

Trouble of_refusal(const std::string& pod, const std::string& note) {
  // The controller's own words before it: "create Pod audit-0 in StatefulSet audit failed error: ".
  constexpr std::string_view kError = "failed error: ";
  const std::size_t at = note.find(kError);
  const std::string words = at == std::string::npos ? note : note.substr(at + kError.size());
  const bool quota = has_any(words, {"exceeded quota"});
  // Neither a webhook that cannot be called nor an account that is about to be made has refused anything.
  const bool passing = has_any(words, {"failed calling webhook", "error looking up service account"});
  const bool refused = has_any(words, {"is forbidden", "denied the request", "is invalid", "violates"});
  return {.reason = quota ? "QuotaExceeded" : "FailedCreate",
          .message = said_of(pod, words, "it cannot be made"),
          .lasting = !passing && (quota || refused)};
}

}  // namespace

std::string cluster_words(std::string_view text) {
  std::string words;
  words.reserve(std::min(text.size(), kMaxWords));
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool space = byte <= ' ' || byte == 0x7f;
    if (!space) words += c;
    if (space && !words.empty() && words.back() != ' ') words += ' ';
  }
  if (words.ends_with(' ')) words.pop_back();
  if (words.size() <= kMaxWords) return words;
  std::size_t end = kMaxWords;
  while (end > 0 && (static_cast<unsigned char>(words[end]) & 0xC0) == 0x80) --end;
  return words.substr(0, end) + "…";
}

std::optional<Trouble> trouble_of_pod(const Json& pod) {
  const std::string name = kube::metadata_string(pod, "name");
  if (text_at(pod, "/status/phase") == "Failed") {
    const std::string reason = text_at(pod, "/status/reason");
    if (!reason.empty()) {
      return Trouble{.reason = reason,
                     .message = said_of(name, text_at(pod, "/status/message"), "the node gave it up")};
    }
  }
  if (const Json* condition = not_scheduled(pod)) {
    const std::string reason = text_at(*condition, "/reason");
    return Trouble{.reason = reason.empty() ? "Unschedulable" : reason,
                   .message = said_of(name, text_at(*condition, "/message"), "no node takes it")};
  }
  if (auto found = of_containers(pod, name, "/status/initContainerStatuses")) return found;
  return of_containers(pod, name, "/status/containerStatuses");
}

bool is_being_created(const Json& pod) {
  if (text_at(pod, "/spec/nodeName").empty() || text_at(pod, "/status/phase") != "Pending") return false;
  const Json& containers = json::at(pod, "/status/containerStatuses");
  if (!containers.is_array()) return true;
  return std::all_of(containers.begin(), containers.end(), [](const Json& container) {
    return is_any(text_at(container, "/state/waiting/reason"), {"ContainerCreating", "PodInitializing"});
  });
}

std::optional<Trouble> trouble_of_creation(const std::vector<Json>& events, const std::string& pod) {
  const Json* latest = nullptr;
  std::optional<runtime::Timestamp> latest_time;
  for (const Json& event : events) {
    const std::string reason = text_at(event, "/reason");
    const bool failed = reason == "FailedCreate";
    if (!failed && reason != "SuccessfulCreate") continue;
    if (text_at(event, "/note").find("Pod " + pod + " ") == std::string::npos) continue;
    const auto time = time_of(event);
    // Of the same second, what failed: the pod is not there.
    if (latest != nullptr && (time < latest_time || (time == latest_time && !failed))) continue;
    latest = &event;
    latest_time = time;
  }
  if (latest == nullptr || text_at(*latest, "/reason") != "FailedCreate") return std::nullopt;
  return of_refusal(pod, text_at(*latest, "/note"));
}

std::optional<Trouble> trouble_of_start(const std::vector<Json>& events, const std::string& pod) {
  const Json* latest = nullptr;
  std::optional<runtime::Timestamp> latest_time;
  for (const Json& event : events) {
    if (text_at(event, "/type") != "Warning" || !text_at(event, "/reason").starts_with("Failed")) continue;
    // What the scheduler said before it found a node.
    if (text_at(event, "/reason") == "FailedScheduling") continue;
    const auto time = time_of(event);
    if (latest != nullptr && time < latest_time) continue;
    latest = &event;
    latest_time = time;
  }
  if (latest == nullptr) return std::nullopt;
  return Trouble{.reason = text_at(*latest, "/reason"),
                 .message = said_of(pod, text_at(*latest, "/note"), "its node cannot start it")};
}

}  // namespace storagepool::reconcile
