// How the log of a workspace is anchored in the database's own: an event there says how large it was and what
// its root was, and the checkpoints that an export's proofs are of are shown to be of one log with that.
// Pure; takes hostile text.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "operator/cli/output/output.h"
#include "pool/common/tlog/proofs.h"

namespace storagepool::cli {

inline constexpr const char* kAnchored = "storagepool.log.anchored";  // type of such an event

// Of checkpoints of one log, the roots by their sizes.
using Roots = std::map<std::uint64_t, tlog::Hash>;

// The size and root that an item of that type has of the log, if it has one with an entry.
std::optional<std::pair<std::uint64_t, tlog::Hash>> anchored_in(const Json& item, const std::string& origin);

// That each of the sizes, ascending, continues the one before.
struct Step {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  tlog::Proof path{};
};
// A line of an export. `event`: a line of its own, with its proof.
std::string anchor_line(const std::string& event, const std::vector<Step>& steps);

struct Anchor {
  std::string event{};  // line of the event
  std::vector<Step> steps{};
};
// What the line's member has; or why it has nothing that can be read.
tl::expected<Anchor, std::string> read_anchor(const Json& anchor);

// Whether the steps show that logs of all these sizes and roots are one.
bool continues(const Roots& roots, const std::vector<Step>& steps);

}  // namespace storagepool::cli
