#include "pool/service/routes/evidence/erase.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "pool/common/http/message/problem.h"
#include "pool/event/erasure.h"
#include "pool/event/text.h"
#include "pool/event/uuid.h"
#include "pool/evidence/head.h"
#include "pool/evidence/holds/erase.h"
#include "pool/service/routes/answers.h"
#include "pool/service/routes/evidence/at_place.h"
#include "pool/service/routes/evidence/own_act.h"
#include "pool/service/routes/evidence/text_members.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using evidence::Erased;
using http::Request;
using http::Response;
using nlohmann::ordered_json;

Response not_erased(Erased why, const std::string& event_id, const Request& request) {
  if (why == Erased::kHeld)
    return http::problem(http::ProblemKind::kConflict,
                         "a legal hold keeps event " + event_id + "; release it first", request.path);
  return unavailable("event " + event_id + " was changed at this moment, try again", std::chrono::seconds{1},
                     request);
}

ordered_json to_object(const std::string& event_id, const event::Erasure& erasure) {
  ordered_json object = {{"event_id", event_id}, {"event_data_sha256", erasure.event_data_sha256}};
  if (erasure.error_message_sha256) object["error_message_sha256"] = *erasure.error_message_sha256;
  return object;
}

struct ErasureRoutes : AtPlace {
  awaitable<Response> erase(Request& request) const {
    const std::string given_id = request.parameters["event_id"];
    const auto event_id = event::parse_uuid(given_id);
    if (auto refusal = TextMembers::refuse(request)) co_return std::move(*refusal);
    TextMembers given(request.body);
    const std::string reason = given.take("reason", kMaxReason);
    event::FieldErrors errors = given.errors();
    if (!event_id) errors.push_back({"event_id", "got " + event::quoted(given_id) + "; allowed: a UUID"});
    if (!errors.empty()) co_return invalid(errors, request);
    auto there = co_await find(request, request.access.admin, "admin");
    if (!there) co_return std::move(there.error());
    const std::string actor = actor_of(request);
    if (actor.empty()) co_return nobody(request);
    const auto found = co_await context.reader.get(there->database, *event_id, context.deadline());
    if (!found) co_return co_await failed_at(found.error(), *there, request);
    if (!*found)
      co_return http::problem(http::ProblemKind::kNotFound, "there is no audit event " + *event_id,
                              request.path);
    const event::Event& event = **found;
    const event::Erasure erasure = evidence::HeadWriter().erasure_of(event);
    // One that was erased may have lost its act: each call records one.
    tl::expected<Erased, tables::StoreError> erased = Erased::kDone;
    if (!event::read_erasure(event.event_data)) {
      erased = co_await at<Erased>(*there, [&](postgres::Connection& connection) {
        return evidence::erase_payload(connection, event, erasure, context.deadline());
      });
    }
    if (!erased) co_return co_await failed_at(erased.error(), *there, request);
    if (*erased != Erased::kDone) co_return not_erased(*erased, *event_id, request);
    OwnAct act{.type = "storagepool.event.erased",
               .action = "erase",
               .resource_type = "event",
               .resource_id = *event_id};
    act.data = to_object(*event_id, erasure);
    act.data["correlation_id"] = event.correlation_id;
    act.data["reason"] = reason;
    if (const std::string workspace = workspace_of(request); !workspace.empty())
      act.data["workspace"] = workspace;
    auto refusal = co_await record_act(context, request, actor, std::move(act));
    co_return refusal ? std::move(*refusal) : json(200, to_object(*event_id, erasure).dump());
  }
};

}  // namespace

void add_erase_routes(http::Router& router, EvidenceContext context) {
  const auto routes = std::make_shared<const ErasureRoutes>(ErasureRoutes{{std::move(context)}});
  for (const std::string base : {"/api/v1/audit/events", "/api/v1/workspaces/{workspace}/audit/events"}) {
    router.add("DELETE", base + "/{event_id}/data",
               [routes](Request& request) { return routes->erase(request); });
  }
}

}  // namespace storagepool::service
