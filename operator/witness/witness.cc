#include "operator/witness/witness.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <utility>

#include "pool/common/encoding/encoding.h"
#include "pool/common/tlog/proofs.h"

namespace storagepool::witness {
namespace {

constexpr std::size_t kMostHashes = 128;  // more than a tree of 64 bits can need

tl::unexpected<Refusal> unfit(std::string why) {
  return tl::unexpected(Refusal{.inconsistent = false, .why = std::move(why)});
}

tl::unexpected<Refusal> inconsistent(std::string why) {
  return tl::unexpected(Refusal{.inconsistent = true, .why = std::move(why)});
}

std::optional<tlog::Proof> read_proof(const std::vector<std::string>& texts) {
  tlog::Proof proof;
  if (texts.size() > kMostHashes) return std::nullopt;
  for (const std::string& text : texts) {
    const auto bytes = encoding::decode_base64(text);
    tlog::Hash hash{};
    if (!bytes || bytes->size() != hash.size()) return std::nullopt;
    std::copy(bytes->begin(), bytes->end(), hash.begin());
    proof.push_back(hash);
  }
  return proof;
}

std::string entries(std::uint64_t size) {
  return std::to_string(size) + (size == 1 ? " entry" : " entries");
}

}  // namespace

tl::expected<Floor, std::string> read_floor(const std::string& note, std::string vkey,
                                            std::string_view name) {
  auto read = tlog::Note::read(note);
  if (!read) return tl::unexpected(read.error());
  auto checkpoint = tlog::Checkpoint::read(read->text);
  if (!checkpoint) return tl::unexpected(checkpoint.error());
  const auto epoch = tlog::epoch_of(checkpoint->origin, name);
  if (!epoch)
    return tl::unexpected("its log is not named " + std::string(name) +
                          ", and no other is witnessed for this StoragePool");
  return Floor{.note = *std::move(read),
               .checkpoint = *std::move(checkpoint),
               .vkey = std::move(vkey),
               .epoch = *epoch,
               .before = {}};
}

tl::expected<Floor, Refusal> examine(const Floor* kept, const settings::LogReport& told,
                                     const std::string& name, bool may_restart) {
  auto floor = read_floor(told.checkpoint, told.vkey, name);
  if (!floor) return unfit("its checkpoint cannot be used: " + floor.error());
  const auto key = tlog::NoteKey::read(told.vkey);
  if (!key || key->kind() != tlog::KeyKind::kLog || key->name() != floor->checkpoint.origin)
    return unfit("its verifier key cannot be read, or is another log's");
  if (!key->verify(floor->note)) return unfit("its checkpoint is not signed by the key that it names");
  // Of other keys nobody knows anything here.
  std::erase_if(floor->note.signatures, [&](const tlog::NoteSignature& one) {
    return one.name != key->name() || one.key_id != key->id();
  });
  if (kept == nullptr) return *std::move(floor);
  if (floor->epoch != kept->epoch) {
    if (floor->epoch != kept->epoch + 1 || !may_restart)
      return inconsistent("the log is in its epoch " + std::to_string(floor->epoch) +
                          ", was witnessed in its epoch " + std::to_string(kept->epoch) +
                          ", and nobody has asked for that");
    floor->before = kept->note.write();
    return *std::move(floor);
  }
  floor->before = kept->before;
  const tlog::Checkpoint& before = kept->checkpoint;
  const tlog::Checkpoint& now = floor->checkpoint;
  if (now.size < before.size)
    return inconsistent("the log has " + entries(now.size) + " and was witnessed with " +
                        entries(before.size));
  if (now.size == before.size) {
    if (now.root == before.root) return *std::move(floor);
    return inconsistent("the log has another root hash at its size of " + std::to_string(now.size) +
                        " than it was witnessed with");
  }
  const auto proof = read_proof(told.proof);
  if (!proof) return unfit("its proof cannot be read");
  tlog::Hasher hasher;
  if (tlog::verify_consistency(hasher, before.size, before.root, now.size, now.root, *proof))
    return *std::move(floor);
  return inconsistent("its checkpoint of " + entries(now.size) + " is not proven to continue that of " +
                      entries(before.size) + " that was witnessed");
}

Floor cosigned(Floor floor, const tlog::NoteKey& witness, runtime::Timestamp now) {
  floor.note.signatures.push_back(
      witness.sign(floor.note.text, std::chrono::floor<std::chrono::seconds>(now)));
  return floor;
}

}  // namespace storagepool::witness
