// What the system database keeps of the log of each workspace: with how many entries, and which root hash, it
// was shown last, below which it was rolled back whoever looks at it. Statements on the table
// `audit_log_floors`, private to this folder (Workspaces::log_floor, raise_log_floors). Any number of pods
// write it: a floor only rises, within an incarnation of the workspace, and goes with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pool/common/tlog/tlog.h"
#include "pool/workspaces/registry.h"

namespace storagepool::workspaces {

struct LogFloor {
  std::string incarnation;  // of the workspace
  std::int64_t epoch = 0;
  std::uint64_t size = 0;
  tlog::Hash root{};
  friend bool operator==(const LogFloor&, const LogFloor&) = default;
};

namespace floors {

// No value: nothing was shown of it yet.
registry::Answer<std::optional<LogFloor>> find(postgres::Connection& connection, std::string incarnation,
                                               postgres::Deadline deadline);
// Those of the same logs that are not below what is given now, and other than that.
registry::Answer<std::vector<LogFloor>> raise(postgres::Connection& connection, std::vector<LogFloor> shown,
                                              postgres::Deadline deadline);
// Those of workspaces that the registry does not know any more.
registry::Answer<bool> purge(postgres::Connection& connection, postgres::Deadline deadline);

}  // namespace floors
}  // namespace storagepool::workspaces
