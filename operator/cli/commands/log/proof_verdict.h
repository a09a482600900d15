// What was found out about an export with proofs, in words and for programs. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/cli/output/output.h"

namespace storagepool::cli {

inline constexpr std::size_t kMostFindings = 1000;

struct Finding {
  std::int64_t line = 0;  // from 1
  std::string event_id{};
  std::string why{};
};

// How far a witness goes along with it.
struct Cosigned {
  std::string witness{};                           // its key's name
  std::int64_t events = 0;                         // proven ones, in a checkpoint that it has cosigned
  std::optional<std::chrono::sys_seconds> last{};  // of these checkpoints, by its clock
};

// What the log of a database has of that of a workspace.
struct Anchored {
  std::string event_id{};             // of its event, proven itself
  std::string at{};                   // when a pod has recorded that
  std::uint64_t size = 0;             // of the workspace's log then
  std::int64_t events = 0;            // proven ones that it had
  std::vector<Cosigned> witnesses{};  // of the log that has the event
};

// What a pod has promised of the events of one call.
struct Promised {
  std::string place{};  // the workspace, or _system
  std::string state{};  // stored, or journalled
  std::string at{};     // when, by the pod's clock
  std::int64_t events = 0;
  std::vector<std::string> missing{};  // ids of those that were not proven
};

// What was found out about an export.
struct ProofVerdict {
  std::int64_t events = 0;
  std::int64_t proven = 0;
  std::int64_t erased = 0;            // of these, without what they held: somebody has erased it
  std::int64_t unproven = 0;          // no proof is there
  std::int64_t wrong = 0;             // what is there is not what was logged, or proves nothing
  std::vector<Finding> findings{};    // of those that are not proven, the first kMostFindings
  std::string incomplete{};           // why the export is not whole; empty: it is
  std::uint64_t size = 0;             // of the greatest checkpoint that vouched for one
  std::vector<Cosigned> witnesses{};  // in their order
  std::string origin{};               // of the log
  std::string database{};             // origin of the database's own; empty: the log is this
  std::optional<Anchored> anchored{};
  std::string wrong_anchor{};  // why what is there of one shows nothing; empty: it does, or none is there
  bool has_anchor = false;
  std::optional<Promised> promised{};
  std::string wrong_receipt{};  // why what is given as one promises nothing; empty: it does, or none is given

  bool kept_promise() const { return wrong_receipt.empty() && (!promised || promised->missing.empty()); }
  bool good() const {
    return proven == events && events > 0 && incomplete.empty() && wrong_anchor.empty() && kept_promise();
  }
};

// In words: what is proven, and what is not.
std::string report(const ProofVerdict& verdict, const Paint& paint);
// What the witnesses say, a line for each.
std::string report(const std::vector<Cosigned>& witnesses, std::int64_t proven);
// Whether what was promised is proven; empty where nothing was.
std::string report_promise(const ProofVerdict& verdict);
Json to_json(const ProofVerdict& verdict);

}  // namespace storagepool::cli
