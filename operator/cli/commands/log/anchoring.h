// Collects, while events of a workspace are exported with their proofs, what shows that the database's own
// log tells of that of the workspace: an event there, and from the tiles that all logs by which the events
// are proven are one with the one that it has.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/cli/commands/log/anchor.h"
#include "operator/cli/commands/log/events_api.h"

namespace storagepool::cli {

class Anchoring {
 public:
  // `api` must outlive this.
  Anchoring(Api& api, std::string workspace) : api_(api), workspace_(std::move(workspace)) {}

  // An item that is exported, and its proof.
  void saw(const std::string& item, const std::string& proof);
  // Of the export; or why there is none.
  tl::expected<std::string, std::string> line();

 private:
  struct Told {
    std::string item{};  // of the event
    std::string event_id{};
    std::uint64_t size = 0;
    tlog::Hash root{};
  };
  Result<std::optional<Told>> told();
  Result<std::optional<Told>> told_by(std::vector<std::pair<std::string, std::string>> filters);
  Result<std::vector<Step>> steps(const Roots& roots);
  std::optional<tlog::Hash> read(const tlog::Subtree& subtree);

  Api& api_;
  const std::string workspace_;
  std::string origin_;  // of the workspace's log; empty: nothing is proven yet
  std::string newest_;  // when the newest of the events was received
  Roots roots_;
  std::uint64_t size_ = 0;                    // that the log has at least
  std::map<std::string, std::string> tiles_;  // that were read, by their paths
  std::string unread_;                        // why one could not be
  tlog::Hasher hasher_;
};

}  // namespace storagepool::cli
