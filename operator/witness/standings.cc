#include "operator/witness/standings.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "pool/common/tlog/note_key.h"

namespace storagepool::witness {
namespace {

constexpr int kMostMoves = 2;  // at once: where it stands, and where others have brought it meanwhile

std::string name_of_key(const std::string& vkey) {
  return vkey.substr(0, vkey.find('+'));
}

bool has_signature(const Floor& floor, const std::string& vkey) {
  const std::string name = name_of_key(vkey);
  const std::string_view rest = std::string_view(vkey).substr(std::min(name.size() + 1, vkey.size()));
  std::uint32_t id = 0;
  const auto end = std::from_chars(rest.data(), rest.data() + rest.size(), id, 16).ptr;
  return end != rest.data() && std::ranges::any_of(floor.note.signatures, [&](const auto& one) {
           return one.name == name && one.key_id == id;
         });
}

std::optional<runtime::Timestamp> cosigned_at(const Floor& floor, const std::string& vkey) {
  const auto key = tlog::NoteKey::read(vkey);
  const auto good = key ? key->verify(floor.note) : std::nullopt;
  return good && good->at ? std::optional(runtime::Timestamp(*good->at)) : std::nullopt;
}

std::chrono::minutes pause_after(int failures) {
  constexpr int kDoublings = 6;
  return std::min(kFirstPause * (1 << std::min(failures - 1, kDoublings)), kLongestPause);
}

}  // namespace

std::vector<Due> Standings::due(const kube::ObjectKey& pool, const Floor& floor,
                                const std::vector<render::LogWitness>& named, Timestamp now) {
  if (named.empty()) {
    pools_.erase(pool);
    return {};
  }
  Of& all = pools_[pool];
  std::erase_if(all, [&](const auto& one) {
    return std::ranges::none_of(named, [&](const auto& witness) { return witness.vkey == one.first; });
  });
  std::vector<Due> due;
  for (const render::LogWitness& witness : named) {
    Standing& standing = all[witness.vkey];
    if (standing.epoch != floor.epoch) standing = Standing{.epoch = floor.epoch};
    if (!standing.cosigned_at && has_signature(floor, witness.vkey)) {  // as another operator has kept it
      standing.cosigned_at = cosigned_at(floor, witness.vkey);
      standing.size = standing.cosigned_at ? floor.checkpoint.size : standing.size;
    }
    const bool has_cosigned = standing.cosigned_at && has_signature(floor, witness.vkey);
    // Also where a clock was set back.
    const bool rests = standing.next && now < *standing.next && *standing.next - now <= kLongestPause;
    if (standing.asked || rests || has_cosigned) continue;
    standing.asked = true;
    due.push_back({witness, standing.size <= floor.checkpoint.size ? standing.size : 0});
  }
  return due;
}

void Standings::failed(Standing& standing, const Heard& heard, Timestamp now) {
  if (standing.failures++ == 0) standing.failing_since = now;
  standing.last = heard;
  standing.next = now + pause_after(standing.failures);
}

void Standings::heard(const kube::ObjectKey& pool, const std::string& vkey, const Submission& asked,
                      const Heard& heard, Timestamp now) {
  const auto of_pool = pools_.find(pool);
  if (of_pool == pools_.end()) return;
  const auto found = of_pool->second.find(vkey);
  if (found == of_pool->second.end() || found->second.epoch != asked.epoch) return;
  Standing& standing = found->second;
  standing.asked = false;
  if (heard.worth == Worth::kCosigned) {
    standing = Standing{.epoch = asked.epoch, .size = asked.size, .cosigned_at = heard.at};
  } else if (heard.worth == Worth::kElsewhere) {
    standing.size = heard.size;
    if (heard.size > asked.size) {
      standing.next = now + kFirstPause;
    } else if (++standing.moves > kMostMoves) {
      failed(standing, heard, now);
    } else {
      standing.next.reset();
    }
  } else {
    failed(standing, heard, now);
  }
}

bool Standings::is_ahead(const kube::ObjectKey& pool, std::uint64_t size) const {
  const auto found = pools_.find(pool);
  return found != pools_.end() &&
         std::ranges::any_of(found->second, [&](const auto& one) { return one.second.size > size; });
}

void Standings::newest(const kube::ObjectKey& pool, std::uint64_t size) {
  const auto found = pools_.find(pool);
  if (found == pools_.end()) return;
  for (auto& [vkey, standing] : found->second) {
    standing.ahead = standing.size <= size
                         ? ""
                         : "it says that it has cosigned the log with " + std::to_string(standing.size) +
                               " entries, which it never had";
  }
}

std::string Standings::against(const Standing& standing) {
  if (!standing.ahead.empty()) return standing.ahead;
  return standing.failures > 0 && standing.last.worth == Worth::kInconsistent ? standing.last.why : "";
}

std::string Standings::inconsistency(const kube::ObjectKey& pool) const {
  const auto found = pools_.find(pool);
  if (found == pools_.end()) return {};
  for (const auto& [vkey, standing] : found->second)
    if (const std::string why = against(standing); !why.empty())
      return "of the witness " + name_of_key(vkey) + ": " + why;
  return {};
}

std::vector<pods::WitnessWord> Standings::words(const kube::ObjectKey& pool, Timestamp now) const {
  std::vector<pods::WitnessWord> words;
  const auto found = pools_.find(pool);
  if (found == pools_.end()) return words;
  for (const auto& [vkey, standing] : found->second) {
    pods::WitnessWord word{.name = name_of_key(vkey), .state = "Waiting", .failing = {}};
    if (standing.cosigned_at) word.state = "Cosigning";
    const bool may_pass = standing.last.worth == Worth::kFailed || standing.last.worth == Worth::kElsewhere;
    if (standing.failures > 0 && (!may_pass || now - standing.failing_since >= kPatience)) {
      word.state = "Failing";
      word.failing = standing.last.why;
    }
    if (const std::string why = against(standing); !why.empty()) {
      word.state = "Inconsistent";
      word.failing = why;
    }
    words.push_back(std::move(word));
  }
  return words;
}

std::map<std::string, std::optional<Standings::Timestamp>> Standings::cosigned(
    const kube::ObjectKey& pool) const {
  std::map<std::string, std::optional<Timestamp>> all;
  const auto found = pools_.find(pool);
  if (found == pools_.end()) return all;
  for (const auto& [vkey, standing] : found->second) {
    auto& at = all[name_of_key(vkey)];
    at = std::max(at, standing.cosigned_at);
  }
  return all;
}

std::vector<kube::ObjectKey> Standings::known() const {
  std::vector<kube::ObjectKey> known;
  for (const auto& [pool, all] : pools_) known.push_back(pool);
  return known;
}

}  // namespace storagepool::witness
