// What somebody does with the events is an event itself, of the system database: exports, legal holds.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <nlohmann/json.hpp>

#include "pool/service/routes/evidence.h"

namespace storagepool::service {

// Who asks: as the token says, or where nobody is told apart, as a proxy in front of the pod does; empty
// where nobody says.
std::string actor_of(const http::Request& request);

struct OwnAct {
  std::string type{};  // of the event
  std::string action{};
  std::string resource_type{};  // empty: none in particular
  std::string resource_id{};
  nlohmann::ordered_json data{};
};
// Records it, stored or journalled; the answer to the request where that cannot be done.
boost::asio::awaitable<std::optional<http::Response>> record_act(const EvidenceContext& context,
                                                                 const http::Request& request,
                                                                 std::string actor, OwnAct act);

}  // namespace storagepool::service
