// libFuzzer target: signed notes, their keys, checkpoints and inclusion proofs, as witnesses, pods and
// clients send them. What is read is written back the same, and no key verifies what it has not signed.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "pool/common/fuzzing/require.h"
#include "pool/common/tlog/checkpoint.h"
#include "pool/common/tlog/inclusion_proof.h"
#include "pool/common/tlog/note.h"
#include "pool/common/tlog/note_key.h"

namespace storagepool::tlog {
namespace {

using fuzzing::require;

const NoteKey& key_of(KeyKind kind) {
  static const NoteKey log = *NoteKey::of_seed(KeyKind::kLog, "key", std::string(32, 's'));
  static const NoteKey witness = *NoteKey::of_seed(KeyKind::kWitness, "key", std::string(32, 's'));
  return kind == KeyKind::kLog ? log : witness;
}

}  // namespace
}  // namespace storagepool::tlog

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace storagepool::tlog;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto note = Note::read(text)) {
    require(note->write() == text, "a note that is read is written back the same");
    require(note->signatures.size() <= kMaxNoteSignatures, "a note's signatures are bounded");
    for (const KeyKind kind : {KeyKind::kLog, KeyKind::kWitness}) {
      require(!key_of(kind).verify(*note), "nobody has the key");
      for (NoteSignature& signature : note->signatures) {
        signature.name = "key";
        signature.key_id = key_of(kind).id();
      }
      require(!key_of(kind).verify(*note), "nobody has the key, whatever its name");
    }
    if (const auto checkpoint = Checkpoint::read(note->text)) {
      require(checkpoint->write() == note->text, "a checkpoint that is read is written back the same");
    }
  }
  if (const auto checkpoint = Checkpoint::read(text)) {
    require(checkpoint->write() == text, "a checkpoint that is read is written back the same");
  }
  if (const auto key = NoteKey::read(text)) {
    require(text.starts_with("PRIVATE+KEY+") || key->public_text() == text,
            "a key that is read is written back the same");
  }
  if (const auto proof = InclusionProof::read(text)) {
    require(proof->write() == text, "an inclusion proof that is read is written back the same");
    require(proof->extra.size() <= kMaxExtraBytes && proof->path.size() <= kMaxProofHashes,
            "an inclusion proof is bounded");
    Hasher hasher;
    require(!verify_inclusion(hasher, hasher.leaf("an entry"), proof->index, ~std::uint64_t{0}, proof->path,
                              hasher.leaf("a root")),
            "nobody has a path there");
  }
  return 0;
}
