#include "pool/common/tlog/inclusion_proof.h"

#include <chrono>

#include <gtest/gtest.h>

#include "pool/common/encoding/encoding.h"
#include "pool/common/tlog/checkpoint.h"
#include "pool/common/tlog/note_key.h"
#include "pool/common/tlog/testing/kept_tree.h"

namespace storagepool::tlog {
namespace {

// The text of the specification with whole signatures.
const std::string kHashes =
    "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\nB95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n";
const std::string kCheckpoint =
    "example.com/fancylog\n109482\nsFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=\n\n"
    "\u2014 example.com/fancylog AAAAAQE=\n\u2014 witness1.example AAAAAgI=\n";
const std::string kBegin = "c2sp.org/tlog-proof@v1\n";

TEST(InclusionProof, IsReadAndWritten) {
  const std::string text = kBegin + "extra YWdl\nindex 73894\n" + kHashes + "\n" + kCheckpoint;
  const auto proof = InclusionProof::read(text);
  ASSERT_TRUE(proof) << proof.error();
  EXPECT_EQ(proof->extra, "age");
  EXPECT_EQ(proof->index, 73894U);
  ASSERT_EQ(proof->path.size(), 2U);
  EXPECT_EQ(encoding::encode_hex(proof->path[0]).substr(0, 8), "8122b25e");
  EXPECT_EQ(proof->checkpoint.signatures.size(), 2U);
  EXPECT_EQ(Checkpoint::read(proof->checkpoint.text)->size, 109482U);
  EXPECT_EQ(proof->write(), text);
}

TEST(InclusionProof, MayHaveNoExtraDataAndNoHashes) {
  const std::string text = kBegin + "index 0\n\n" + kCheckpoint;
  const auto proof = InclusionProof::read(text);
  ASSERT_TRUE(proof) << proof.error();
  EXPECT_EQ(proof->extra, "");
  EXPECT_TRUE(proof->path.empty());
  EXPECT_EQ(proof->write(), text);
}

TEST(InclusionProof, OfTheLargestBoundsIsReadBack) {
  InclusionProof proof{.extra = std::string(kMaxExtraBytes, '\0'),
                       .index = ~std::uint64_t{0},
                       .path = Proof(kMaxProofHashes),
                       .checkpoint = *Note::read(kCheckpoint)};
  EXPECT_EQ(InclusionProof::read(proof.write()), proof);
  const std::string text = proof.write();
  const std::string hash = encoding::encode_base64(std::string(32, '\0')) + "\n";
  EXPECT_EQ(InclusionProof::read(std::string(text).insert(text.find(hash), hash)).error(),
            "an inclusion proof has more than 64 hashes");
}

TEST(InclusionProof, OfHostileTextIsRefused) {
  const std::string form = "an inclusion proof does not begin with c2sp.org/tlog-proof@v1";
  const std::string extra = "the extra data of an inclusion proof is not base64 of 1 to 65536 bytes";
  const std::string no_index = "an inclusion proof has no line with an index";
  const std::string index = "the index of an inclusion proof is not a decimal number of 64 bits";
  const std::string hash = "a hash of an inclusion proof is not base64 of 32 bytes";
  const std::string no_checkpoint = "an inclusion proof has no empty line before its checkpoint";
  const std::string rest = "\n" + kHashes + "\n" + kCheckpoint;
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"", form},
      {"c2sp.org/tlog-proof@v1", form},
      {"c2sp.org/tlog-proof@v2\nindex 0" + rest, form},
      {"c2sp.org/tlog-proof@v1\r\nindex 0" + rest, form},
      {"\n" + kBegin + "index 0" + rest, form},
      {kBegin, no_index},
      {kBegin + "index 0", no_index},
      {kBegin + "extra YWdl\n", no_index},
      {kBegin + "extra YWdl\nextra YWdl\nindex 0" + rest, no_index},
      {kBegin + "extra" + rest, no_index},
      {kBegin + "Index 0" + rest, no_index},
      {kBegin + "index 0\nextra YWdl" + rest, hash},
      {kBegin + "extra \nindex 0" + rest, extra},
      {kBegin + "extra YWd\nindex 0" + rest, extra},
      {kBegin + "extra  YWdl\nindex 0" + rest, extra},
      {kBegin + "extra YWF=\nindex 0" + rest, extra},
      {kBegin + "extra YWdl\r\nindex 0" + rest, extra},
      {kBegin + "extra " + encoding::encode_base64(std::string(kMaxExtraBytes + 1, 'a')) + "\nindex 0" + rest,
       extra},
      {kBegin + "index " + rest, index},
      {kBegin + "index 00" + rest, index},
      {kBegin + "index -1" + rest, index},
      {kBegin + "index  1" + rest, index},
      {kBegin + "index 1 " + rest, index},
      {kBegin + "index 18446744073709551616" + rest, index},
      {kBegin + "index 0\nx" + rest, hash},
      {kBegin + "index 0\n gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=" + rest, hash},
      {kBegin + "index 0\ngSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlR=" + rest, hash},
      {kBegin + "index 0\n" + encoding::encode_base64(std::string(31, 'a')) + rest, hash},
      {kBegin + "index 0\n" + encoding::encode_base64(std::string(33, 'a')) + rest, hash},
      {kBegin + "index 0\n" + kHashes, no_checkpoint},
      {kBegin + "index 0\n" + kHashes + kCheckpoint, hash},
      {kBegin + "index 0\n" + kHashes + "\n", "a note has no empty line between text and signatures"},
      {kBegin + "index 0\n\n" + kCheckpoint + "x", "a note does not end with a line of a signature"},
  };
  for (const auto& [text, sentence] : wrong) {
    const auto read = InclusionProof::read(text);
    ASSERT_FALSE(read) << text.substr(0, 200);
    EXPECT_EQ(read.error(), sentence) << text.substr(0, 200);
  }
}

// As whoever has the entry and the log's key would see it.
TEST(InclusionProof, ShowsThatALogHasAnEntry) {
  testing::KeptTree tree;
  for (int index = 0; index < 1000; ++index) tree.append("entry " + std::to_string(index));
  const NoteKey key = *NoteKey::of_seed(KeyKind::kLog, "example.com/log", std::string(32, 's'));
  Note note{Checkpoint{.origin = key.name(), .size = 1000, .root = tree.root()}.write(), {}};
  note.signatures.push_back(key.sign(note.text, std::chrono::sys_seconds{}));
  const std::string text = InclusionProof{.extra = "its head",
                                          .index = 731,
                                          .path = tree.prove(inclusion_plan(731, 1000)),
                                          .checkpoint = note}
                               .write();
  Hasher hasher;
  const auto shows = [&](const std::string& proof_text, const std::string& entry) {
    const auto proof = InclusionProof::read(proof_text);
    if (!proof || !key.verify(proof->checkpoint)) return false;
    const auto checkpoint = Checkpoint::read(proof->checkpoint.text);
    return checkpoint && checkpoint->origin == key.name() &&
           verify_inclusion(hasher, hasher.leaf(entry), proof->index, checkpoint->size, proof->path,
                            checkpoint->root);
  };
  EXPECT_TRUE(shows(text, "entry 731"));
  EXPECT_FALSE(shows(text, "entry 732"));
  // A change of any character, but of the extra data, is noticed.
  const std::size_t extra = text.find("extra ") + 6;
  const std::size_t extra_end = text.find('\n', extra);
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (at >= extra && at < extra_end) continue;
    std::string changed = text;
    changed[at] ^= 1;
    EXPECT_FALSE(shows(changed, "entry 731")) << changed;
  }
}

}  // namespace
}  // namespace storagepool::tlog
