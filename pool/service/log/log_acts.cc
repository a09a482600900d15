#include "pool/service/log/log_acts.h"

#include <algorithm>

#include "pool/common/encoding/encoding.h"
#include "pool/event/idempotency.h"

namespace storagepool::service {
namespace {

constexpr const char* kAnchored = "storagepool.log.anchored";
constexpr const char* kClosed = "storagepool.log.closed";

}  // namespace

OwnAct anchor_act(const std::vector<tlog::Checkpoint>& logs) {
  OwnAct act{.type = kAnchored, .action = "anchor", .correlation_id = kAnchored, .actor_type = "service"};
  nlohmann::ordered_json& anchors = act.data["logs"] = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < std::min(logs.size(), kMostAnchors); ++i) {
    const tlog::Checkpoint& log = logs[i];
    const std::string root(log.root.begin(), log.root.end());
    anchors.push_back({{"origin", log.origin}, {"size", log.size}, {"root", encoding::encode_base64(root)}});
  }
  return act;
}

OwnAct last_act(const LastOfLog& last) {
  OwnAct act{.type = kClosed,
             .action = "close",
             .correlation_id = kClosed,
             .actor_type = "service",
             .resource_type = "workspace",
             .resource_id = last.workspace};
  act.data["origin"] = last.origin;
  if (last.log) act.data["checkpoint"] = last.log->note.write();
  if (!last.detail.empty()) act.data["detail"] = last.detail;
  act.id = event::text_event_id(kOwnActor, act.type + " " + act.data.dump());
  return act;
}

}  // namespace storagepool::service
