// What somebody does with the events or their log is an event itself, of the system database: exports, legal
// holds, erasures, restarts of the log; so are the logs of workspaces, time and again.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/timestamp.h"
#include "pool/event/event.h"
#include "pool/event/field_error.h"
#include "pool/service/routes/evidence/evidence.h"

namespace storagepool::service {

// Who asks: as the token says, or where nobody is told apart, as a proxy in front of the pod does; empty
// where nobody says.
std::string actor_of(const http::Request& request);

inline constexpr const char* kOwnActor = "storagepool";  // of what a pod does by itself

struct OwnAct {
  std::string type{};  // of the event
  std::string id{};    // a UUID, under which the act is stored once; empty: each time anew
  std::string action{};
  std::string correlation_id{};
  std::string actor_type = "user";
  std::string resource_type{};  // empty: none in particular
  std::string resource_id{};
  nlohmann::ordered_json data{};
};
// As if it had been received now.
tl::expected<event::Event, event::FieldErrors> event_of(const OwnAct& act, const std::string& actor,
                                                        runtime::Timestamp now);
// Records it, stored or journalled, as an act of the pod's own or the operator's: why it cannot be.
boost::asio::awaitable<std::optional<std::string>> record_own(recording::Recording& recording,
                                                              recording::Destinations& destinations,
                                                              OwnAct act, std::string actor,
                                                              recording::Recording::Deadline deadline);
// Records it, stored or journalled, with the request as its correlation; the answer to the request where that
// cannot be done.
boost::asio::awaitable<std::optional<http::Response>> record_act(const EvidenceContext& context,
                                                                 const http::Request& request,
                                                                 std::string actor, OwnAct act);

}  // namespace storagepool::service
