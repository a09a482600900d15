#include "pool/evidence/proving/log_key.h"

#include <utility>

#include "pool/common/runtime/check.h"

namespace storagepool::evidence {
namespace {

tlog::NoteKey renamed_key(const tlog::NoteKey& key, std::string_view name) {
  auto other = tlog::NoteKey::of_seed(tlog::KeyKind::kLog, name, key.seed());
  STORAGEPOOL_INVARIANT(other, "an origin that names no key", {"characters", name.size()});
  return *std::move(other);
}

}  // namespace

LogKey LogKey::named(std::string_view name) const {
  LogKey key{renamed_key(signer, name), keys};
  for (const tlog::NoteKey& other : others) key.others.push_back(renamed_key(other, name));
  return key;
}

void LogKey::sign(tlog::Note& note) const {
  note.signatures.push_back(signer.sign(note.text, {}));
  for (const tlog::NoteKey& other : others) note.signatures.push_back(other.sign(note.text, {}));
}

std::vector<std::string> LogKey::vkeys() const {
  std::vector<std::string> texts{signer.public_text()};
  for (const tlog::NoteKey& other : others) texts.push_back(other.public_text());
  return texts;
}

}  // namespace storagepool::evidence
