// What the events of the system database say of the logs of workspaces, so that whoever keeps or witnesses
// its log has theirs too: where they are, time and again, and the last of one that is removed. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pool/common/tlog/checkpoint.h"
#include "pool/service/routes/evidence/own_act.h"

namespace storagepool::service {

inline constexpr std::size_t kMostAnchors = 500;  // in one event, which has some 100 KB then

// At most kMostAnchors. REQUIRES: there are some.
OwnAct anchor_act(const std::vector<tlog::Checkpoint>& logs);

struct LastOfLog {
  std::string workspace{};
  std::string origin{};
  std::optional<SignedLog> log{};  // no value: it cannot be told, and `detail` says why
  std::string detail{};
};
// The same twice is one event.
OwnAct last_act(const LastOfLog& last);

}  // namespace storagepool::service
