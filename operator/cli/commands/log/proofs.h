// Events as they were exported, with their proofs, and what these show to who has nothing but the log's
// verifier key (docs/evidence.md). Pure; takes hostile text.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "operator/cli/commands/log/anchor.h"
#include "operator/cli/commands/log/promise.h"
#include "operator/cli/commands/log/proof_verdict.h"
#include "operator/cli/commands/log/trusted_log.h"
#include "operator/cli/output/output.h"
#include "pool/common/tlog/note_key.h"

namespace storagepool::cli {

// A page of events, of a list or of the feed: each item byte for byte as the server wrote it. event_data that
// is parsed and written again may have other numbers than those that were stored.
struct RawPage {
  std::vector<std::string> items;
  std::vector<std::string> event_ids;
  std::string next{};  // cursor; empty: that was the last; the feed has none
};
tl::expected<RawPage, std::string> read_page(const std::string& body);

// A line of an export: the item with its proof (c2sp.org/tlog-proof) as the last member; without one as it
// is. REQUIRES: `item` is of a RawPage.
std::string proven_line(std::string item, const std::string& proof);
// The last one, by whose absence an export is known to be cut off.
std::string last_line(std::int64_t events, std::int64_t proven);

// Takes an export's lines one after the other, or a proof alone, as its route answers it.
class Verifier {
 public:
  // The key is that of a database's own log, the others of who cosigns it; they must outlive this. With a
  // workspace, the proofs are of its log.
  explicit Verifier(const tlog::NoteKey& key, std::span<const tlog::NoteKey> witnesses = {},
                    std::string workspace = {});

  // Whether what it promises is there too; `answer` is that of the API, with a receipt.
  void expect(std::string_view answer);
  void line(std::string_view line);
  ProofVerdict verdict() &&;  // after the last
  // The proven item, as JSON; or why the text proves nothing.
  tl::expected<std::string, std::string> proof(std::string_view text);
  // What was proven last counts for the witnesses, and as what was promised.
  void count();

 private:
  void event(const std::string& line, const Json& item);
  tl::expected<Anchored, std::string> judge_anchor() const;

  const tlog::NoteKey& key_;
  std::span<const tlog::NoteKey> witnesses_;
  TrustedLog log_;
  std::optional<Json> anchor_;
  std::optional<Promise> promise_;
  std::string entry_{};                           // of what was proven last
  std::uint64_t index_ = 0;                       // of what was proven last
  std::pair<std::uint64_t, tlog::Hash> shown_{};  // size and root of the checkpoint that proves it
  std::vector<std::uint64_t> indices_;            // of what the export proves
  Roots roots_;                                   // of the checkpoints that prove it
  std::vector<std::optional<std::chrono::sys_seconds>> cosigned_;  // of the last proof, by each of them
  ProofVerdict verdict_;
  std::int64_t lines_ = 0;
  std::optional<Json> last_;
};

}  // namespace storagepool::cli
