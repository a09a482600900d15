// Bodies of `POST /api/v1/audit/events`: what is accepted can be stored, and written out as an event it reads
// back the same.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "pool/common/fuzzing/require.h"
#include "pool/event/fields.h"
#include "pool/event/json_plain.h"
#include "pool/event/serialize.h"
#include "pool/event/text.h"
#include "pool/event/validate.h"

namespace storagepool::event {
namespace {

using fuzzing::require;

constexpr runtime::Timestamp kNow{std::chrono::sys_days{std::chrono::year{2026} / 2 / 28} +
                                  std::chrono::hours{12}};
constexpr const char* kSomeId = "019a5b60-0000-7000-8000-000000000000";

void check_text(const std::string& text, std::size_t shortest, std::size_t longest) {
  require(storable_text(text), "every text of an accepted event can be stored");
  const std::size_t length = utf8_length(text).value_or(0);
  require(length >= shortest && length <= longest, "every text of an accepted event has an allowed length");
}

void check_fields(const Event& event) {
  check_text(event.version, 1, 20);
  check_text(event.event_type, 1, 100);
  check_text(event.event_category, 1, 50);
  check_text(event.event_action, 1, 50);
  check_text(event.correlation_id, 1, 255);
  check_text(event.event_data, 2, static_cast<std::size_t>(-1));
  for (const std::string* text :
       {&event.severity, &event.actor_id, &event.actor_type, &event.resource_type, &event.resource_id}) {
    check_text(*text, 1, kMaxOptionalText);
  }
  for (const auto* text : {&event.namespace_name, &event.cluster_id, &event.actor_ip, &event.error_code}) {
    if (*text) check_text(**text, 0, kMaxOptionalText);
  }
  if (event.client_event_id) check_text(*event.client_event_id, 1, 255);
  if (event.error_message) check_text(*event.error_message, 0, static_cast<std::size_t>(-1));
  require(event.event_timestamp >= kNow - TimeLimits{}.past &&
              event.event_timestamp <= kNow + TimeLimits{}.future,
          "the time is within its limits");
  require(event.retention_days >= 1 && event.retention_days <= kDefaultRetentionDays,
          "the retention is allowed");
  require(event.duration_ms.value_or(0) >= 0, "the duration is not negative");
}

void check_quick_reader(std::string_view body) {
  static constexpr std::array<std::string_view, 4> kWanted = {"event_data", "version", "duration_ms",
                                                              "is_sensitive"};
  const auto quick = read_plain_members(body, kWanted);
  if (!quick) return;
  const auto exact = parse_json_members(body, kWanted);
  require(exact && exact->same_as(*quick), "the quick reader reads what the exact one does");
}

}  // namespace
}  // namespace storagepool::event

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace storagepool::event;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  check_quick_reader(body);
  auto event = validate_event(body, kNow);
  if (!event) {
    require(!event.error().empty(), "a refusal says why");
    for (const FieldError& error : event.error()) {
      require(!error.field.empty() && utf8_length(error.message).value_or(0) > 0, "each reason is readable");
    }
    return 0;
  }
  check_fields(*event);
  if (event->event_id.empty()) event->event_id = kSomeId;
  event->client_event_id.reset();  // it is shown and cannot be sent
  const std::string written = to_json(*event);
  const auto again = validate_event(written, kNow);
  require(again.has_value(), "an accepted event, written out, is accepted");
  require(to_json(*again) == written, "an accepted event, written out, reads back the same");
  return 0;
}
