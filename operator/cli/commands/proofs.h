// Events as they were exported, with their proofs, and what these show to who has nothing but the log's
// verifier key (docs/evidence.md). Pure; takes hostile text.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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

// What was found out about an export.
struct Verdict {
  std::int64_t events = 0;
  std::int64_t proven = 0;
  std::int64_t erased = 0;            // of these, without what they held: somebody has erased it
  std::int64_t unproven = 0;          // no proof is there
  std::int64_t wrong = 0;             // what is there is not what was logged, or proves nothing
  std::vector<Finding> findings{};    // of those that are not proven, the first kMostFindings
  std::string incomplete{};           // why the export is not whole; empty: it is
  std::uint64_t size = 0;             // of the greatest checkpoint that vouched for one
  std::vector<Cosigned> witnesses{};  // in their order

  bool good() const { return proven == events && events > 0 && incomplete.empty(); }
};

// Takes an export's lines one after the other, or a proof alone, as its route answers it.
class Verifier {
 public:
  // The key verifies the log's checkpoints, whose origin is its name; the others cosignatures of them. Both
  // must outlive this.
  explicit Verifier(const tlog::NoteKey& key, std::span<const tlog::NoteKey> witnesses = {});

  void line(std::string_view line);
  Verdict verdict() &&;  // after the last
  // The proven item, as JSON; or why the text proves nothing.
  tl::expected<std::string, std::string> proof(std::string_view text);
  // What was proven last counts for the witnesses.
  void count_cosigned();

 private:
  void event(const std::string& line, const Json& item);

  const tlog::NoteKey& key_;
  std::span<const tlog::NoteKey> witnesses_;
  std::vector<std::optional<std::chrono::sys_seconds>> cosigned_;  // of the last proof, by each of them
  Verdict verdict_;
  std::int64_t lines_ = 0;
  std::optional<Json> last_;
};

// In words: what is proven, and what is not.
std::string report(const Verdict& verdict, const std::string& origin, const Paint& paint);
// What the witnesses say, a line for each.
std::string report(const std::vector<Cosigned>& witnesses, std::int64_t proven);
Json to_json(const Verdict& verdict, const std::string& origin);

}  // namespace storagepool::cli
