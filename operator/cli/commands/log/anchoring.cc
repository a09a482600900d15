#include "operator/cli/commands/log/anchoring.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "operator/cli/commands/log/proofs.h"
#include "pool/common/json/json.h"
#include "pool/common/tlog/checkpoint.h"
#include "pool/common/tlog/inclusion_proof.h"
#include "pool/common/tlog/tile.h"

namespace storagepool::cli {
namespace {

// Each pod may record such an event a minute, of up to some 100 KB.
constexpr int kMostAnchorPages = 8;
constexpr std::int64_t kEventsOfPage = 25;

}  // namespace

void Anchoring::saw(const std::string& item, const std::string& proof) {
  const auto read = tlog::InclusionProof::read(proof);
  if (!read) return;
  const auto checkpoint = tlog::Checkpoint::read(read->checkpoint.text);
  if (!checkpoint || checkpoint->size == 0) return;
  origin_ = checkpoint->origin;
  roots_.emplace(checkpoint->size, checkpoint->root);
  size_ = std::max(size_, checkpoint->size);
  newest_ = std::max(newest_, json::text_at(Json::parse(item, nullptr, false), "/received_at"));
}

tl::expected<std::string, std::string> Anchoring::line() {
  const auto found = told();
  if (!found) return tl::unexpected(found.error().message);
  if (!*found) return tl::unexpected(std::string("no event of type ") + kAnchored + " has it yet");
  const Told& event = **found;
  std::string why;
  const auto proof = api_.proof("", event.event_id, why);
  if (!proof) return tl::unexpected(proof.error().message);
  if (proof->empty()) return tl::unexpected("event " + event.event_id + " has no proof: " + why);
  Roots roots = roots_;
  roots.emplace(event.size, event.root);
  size_ = std::max(size_, event.size);
  const auto shown = steps(roots);
  if (!shown) return tl::unexpected(shown.error().message);
  return anchor_line(proven_line(event.item, *proof), *shown);
}

// What was recorded after the newest of the events has all of them; until then, most.
Result<std::optional<Anchoring::Told>> Anchoring::told() {
  if (!newest_.empty()) {
    auto after = told_by({{"order", "asc"}, {"since", newest_}});
    if (!after || *after) return after;
  }
  return told_by({});
}

Result<std::optional<Anchoring::Told>> Anchoring::told_by(
    std::vector<std::pair<std::string, std::string>> filters) {
  filters.emplace_back("event_type", kAnchored);
  filters.emplace_back("count", "none");
  const EventQuery query{.workspace = {}, .filters = std::move(filters), .limit = kEventsOfPage};
  std::vector<std::pair<std::string, std::string>> more;
  for (int count = 0; count < kMostAnchorPages; ++count) {
    const auto body = api_.read(path_of(query, more));
    if (!body) return tl::unexpected(body.error());
    const auto page = read_page(*body);
    if (!page) return tl::unexpected(Failure{FailureKind::kUnreadable, page.error()});
    std::optional<Told> most;
    for (std::size_t i = 0; i < page->items.size(); ++i) {
      const auto has = anchored_in(Json::parse(page->items[i], nullptr, false), origin_);
      if (has && (!most || has->first > most->size))
        most = Told{page->items[i], page->event_ids[i], has->first, has->second};
    }
    if (most || page->next.empty()) return most;
    more = {{"cursor", page->next}};
  }
  return std::optional<Told>();
}

Result<std::vector<Step>> Anchoring::steps(const Roots& roots) {
  std::vector<Step> all;
  for (auto from = roots.begin(); std::next(from) != roots.end(); ++from) {
    const auto to = std::next(from);
    tlog::Proof path = tlog::make_proof(
        hasher_, tlog::consistency_plan(from->first, to->first),
        [this](const tlog::Subtree& subtree) { return read(subtree).value_or(tlog::Hash{}); });
    if (!unread_.empty()) return tl::unexpected(Failure{FailureKind::kOther, unread_});
    all.push_back({from->first, to->first, std::move(path)});
  }
  return all;
}

std::optional<tlog::Hash> Anchoring::read(const tlog::Subtree& subtree) {
  if (!unread_.empty()) return std::nullopt;
  const tlog::Kept kept = tlog::kept_below(subtree);
  tlog::Tile tile{.level = kept.level, .index = kept.first / tlog::kTileWidth};
  const std::uint64_t there = (size_ >> (tlog::kTileHeight * kept.level)) - tile.index * tlog::kTileWidth;
  tile.width = static_cast<unsigned>(std::min<std::uint64_t>(there, tlog::kTileWidth));
  const std::string path = base_of(workspace_) + "/log/tile/" + tile.path();
  if (!tiles_.contains(path)) {
    auto bytes = api_.read(path);
    if (bytes && bytes->size() != tile.width * sizeof(tlog::Hash))
      bytes = tl::unexpected(Failure{FailureKind::kUnreadable, "GET " + path + ": it is no such tile"});
    if (!bytes) {
      unread_ = bytes.error().message;
      return std::nullopt;
    }
    tiles_[path] = *std::move(bytes);
  }
  const std::string& bytes = tiles_[path];
  std::vector<tlog::Hash> hashes(kept.count);
  auto from =
      bytes.begin() + static_cast<std::ptrdiff_t>((kept.first % tlog::kTileWidth) * sizeof(tlog::Hash));
  for (tlog::Hash& hash : hashes)
    for (std::uint8_t& byte : hash) byte = static_cast<std::uint8_t>(*from++);
  return hasher_.subtree(hashes);
}

}  // namespace storagepool::cli
