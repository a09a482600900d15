#include "pool/service/routes/evidence/own_act.h"

#include <utility>
#include <vector>

#include "pool/common/runtime/clock.h"
#include "pool/event/address.h"
#include "pool/event/uuid.h"
#include "pool/event/validate.h"
#include "pool/service/routes/answers.h"

namespace storagepool::service {

using nlohmann::ordered_json;

std::string actor_of(const http::Request& request) {
  if (request.access.known) return request.access.subject.empty() ? "unnamed" : request.access.subject;
  return std::string(request.header("X-Auth-Request-User").value_or(""));
}

tl::expected<event::Event, event::FieldErrors> event_of(const OwnAct& act, const std::string& actor,
                                                        runtime::Timestamp now) {
  ordered_json body = {{"version", "1.0"},
                       {"event_type", act.type},
                       {"event_timestamp", runtime::format_timestamp(now)},
                       {"event_category", "storagepool"},
                       {"event_action", act.action},
                       {"event_outcome", "success"},
                       {"correlation_id", act.correlation_id},
                       {"actor_type", act.actor_type},
                       {"actor_id", actor},
                       {"event_data", act.data}};
  if (!act.resource_type.empty()) {
    body["resource_type"] = act.resource_type;
    body["resource_id"] = act.resource_id;
  }
  auto event = event::validate_event(body.dump(-1, ' ', false, ordered_json::error_handler_t::replace), now);
  if (!event) return event;
  event->id_from_client = !act.id.empty();
  event->event_id = act.id.empty() ? event::new_event_id(event->event_timestamp) : act.id;
  event->received_at = now;
  return event;
}

boost::asio::awaitable<std::optional<std::string>> record_own(recording::Recording& recording,
                                                              recording::Destinations& destinations,
                                                              OwnAct act, std::string actor,
                                                              recording::Recording::Deadline deadline) {
  auto event = event_of(act, actor, runtime::wall_now());
  if (!event) co_return "it is no event: " + act.type;
  auto destination = co_await destinations.find_for_write("", deadline);
  if (!destination) co_return destination.error().detail;
  std::vector<event::Event> unit;
  unit.push_back(*std::move(event));
  const auto recorded = co_await recording.record(*destination, std::move(unit), deadline);
  // Under an id of its own it is there already.
  if (recorded || recorded.error().kind == tables::StoreError::Kind::kConflict) co_return std::nullopt;
  co_return recorded.error().detail;
}

boost::asio::awaitable<std::optional<http::Response>> record_act(const EvidenceContext& context,
                                                                 const http::Request& request,
                                                                 std::string actor, OwnAct act) {
  act.correlation_id = request.request_id;
  auto event = event_of(act, actor, runtime::wall_now());
  if (!event) co_return invalid(event.error(), request);
  if (request.access.known) event->principal = actor;
  event->received_from = event::canonical_address(request.client);
  auto destination = co_await context.destinations.find_for_write("", context.deadline());
  if (!destination) co_return failed(destination.error(), request);
  std::vector<event::Event> unit;
  unit.push_back(*std::move(event));
  const auto recorded = co_await context.recording.record(*destination, std::move(unit), context.deadline());
  if (!recorded) co_return failed(recorded.error(), request);
  co_return std::nullopt;
}

}  // namespace storagepool::service
