#include "pool/common/tlog/note.h"

#include <gtest/gtest.h>

#include "pool/common/encoding/encoding.h"
#include "pool/common/tlog/checkpoint.h"
#include "pool/common/tlog/note_key.h"

namespace storagepool::tlog {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

// The key and the note of golang.org/x/mod/sumdb/note's documentation.
constexpr const char* kGoKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr const char* kGoPrivateKey =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
constexpr const char* kGoText =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
constexpr const char* kGoSignature =
    "\u2014 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

const std::string kGoNote = std::string(kGoText) + "\n" + kGoSignature;
constexpr sys_seconds kNow{seconds{1679315147}};

TEST(NoteKey, SignsAndVerifiesAsGoDoes) {
  const auto key = NoteKey::read(kGoKey);
  const auto private_key = NoteKey::read(kGoPrivateKey);
  ASSERT_TRUE(key && private_key);
  EXPECT_EQ(key->public_text(), kGoKey);
  EXPECT_EQ(private_key->public_text(), kGoKey);
  const auto note = Note::read(kGoNote);
  ASSERT_TRUE(note) << note.error();
  EXPECT_TRUE(key->verify(*note));
  EXPECT_EQ((Note{kGoText, {private_key->sign(kGoText, kNow)}}.write()), kGoNote);
}

TEST(NoteKey, VerifiesNothingElse) {
  const auto key = *NoteKey::read(kGoKey);
  const Note good = *Note::read(kGoNote);
  Note note = good;
  note.text += "more\n";
  EXPECT_FALSE(key.verify(note));
  note = good;
  note.signatures[0].bytes[5] ^= 1;
  EXPECT_FALSE(key.verify(note));
  note = good;
  note.signatures[0].bytes += "x";
  EXPECT_FALSE(key.verify(note));
  note = good;
  note.signatures[0].name = "Peter";
  EXPECT_FALSE(key.verify(note));
  note = good;
  note.signatures[0].key_id ^= 1;
  EXPECT_FALSE(key.verify(note));
  note.signatures.push_back(good.signatures[0]);
  EXPECT_TRUE(key.verify(note)) << "what is not its own is ignored";
}

TEST(NoteKey, OfAWitnessSaysWhen) {
  const auto witness = NoteKey::of_seed(KeyKind::kWitness, "witness.example.com/w1", std::string(32, 's'));
  ASSERT_TRUE(witness);
  const auto log = NoteKey::of_seed(KeyKind::kLog, "witness.example.com/w1", std::string(32, 's'));
  EXPECT_NE(witness->id(), log->id());
  Note note{kGoText, {log->sign(kGoText, kNow), witness->sign(kGoText, kNow)}};
  EXPECT_EQ(note.signatures[1].bytes.size(), 72U);
  const auto others = NoteKey::read(witness->public_text());
  ASSERT_TRUE(others);
  const auto read = Note::read(note.write());
  ASSERT_TRUE(read);
  EXPECT_EQ(others->verify(*read), Verified{kNow});
  EXPECT_EQ(log->verify(*read), Verified{});
  note.signatures[1].bytes[7] ^= 1;
  EXPECT_FALSE(others->verify(note)) << "the time is signed";
  note.signatures[1].bytes[7] ^= 1;
  note.signatures[1].bytes[0] = '\x80';
  EXPECT_FALSE(others->verify(note));
  // What is signed is the text below two lines of its own.
  const auto plain = NoteKey::of_seed(KeyKind::kLog, "w", std::string(32, 's'));
  EXPECT_EQ(plain->sign("cosignature/v1\ntime 1679315147\n" + std::string(kGoText), kNow).bytes,
            witness->sign(kGoText, kNow).bytes.substr(8));
}

TEST(NoteKey, IsRefusedUnlessAllOfItFits) {
  const std::string good = kGoKey;
  for (const std::string& bad :
       {std::string(), std::string("+"), std::string("++"), good.substr(1), good + "=", good + "\n",
        " " + good, good.substr(0, good.size() - 4), "PeterNeumann+c74f20a4" + good.substr(21),
        "PRIVATE+KEY+" + good, std::string("n+00000000+"), std::string("n+c74f20a3+AQ=="),
        std::string("n+c74f20a3+/w==")}) {
    EXPECT_FALSE(NoteKey::read(bad)) << bad;
  }
  EXPECT_FALSE(NoteKey::of_seed(KeyKind::kLog, "a+b", std::string(32, 's')));
  EXPECT_FALSE(NoteKey::of_seed(KeyKind::kLog, "a", std::string(31, 's')));
}

TEST(Note, ReadsAndWritesSeveralSignatures) {
  std::string note = "a\n\nb\n\n";
  for (std::size_t i = 0; i < kMaxNoteSignatures; ++i)
    note += "\u2014 k\u00e9y" + std::to_string(i) + " AAAAAQE=\n";
  const auto read = Note::read(note);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->text, "a\n\nb\n");
  EXPECT_EQ(read->signatures.size(), kMaxNoteSignatures);
  EXPECT_EQ(read->signatures[7], (NoteSignature{"k\u00e9y7", 1, "\x01"}));
  EXPECT_EQ(read->write(), note);
  EXPECT_EQ(Note::read(note + "\u2014 one AAAAAQE=\n").error(), "a note has more than 100 signatures");
}

TEST(Note, OfHostileTextIsRefused) {
  const std::string good = "a\n\n\u2014 key AAAAAQE=\n";
  ASSERT_TRUE(Note::read(good));
  for (const std::string& bad : {std::string(),
                                 std::string("\n"),
                                 std::string("\n\n"),
                                 std::string("a\n\n"),
                                 std::string("a\n\u2014 key AAAAAQE=\n"),
                                 good.substr(0, good.size() - 1),
                                 good + "x",
                                 good + "\n",
                                 "a\x01" + good,
                                 "a\r" + good,
                                 "\xFF" + good,
                                 std::string("a\n\n- key AAAAAQE=\n"),
                                 std::string("a\n\n\u2014key AAAAAQE=\n"),
                                 std::string("a\n\n\u2014 key\n"),
                                 std::string("a\n\n\u2014  AAAAAQE=\n"),
                                 std::string("a\n\n\u2014 k+y AAAAAQE=\n"),
                                 std::string("a\n\n\u2014 k\u00a0y AAAAAQE=\n"),
                                 std::string("a\n\n\u2014 key AAAAAQF=\n"),
                                 std::string("a\n\n\u2014 key AAAAAQ==\n"),
                                 std::string("a\n\n\u2014 key  AAAAAQE=\n"),
                                 std::string("a\n\n\u2014 key AAAAAQE= \n"),
                                 std::string("a\n\n\u2014 key AAAAAQE\n"),
                                 std::string(kMaxNoteBytes, 'a') + good}) {
    EXPECT_FALSE(Note::read(bad)) << bad.substr(0, 80);
  }
}

TEST(Checkpoint, IsReadAndWritten) {
  // The example of c2sp.org/tlog-checkpoint.
  const std::string text =
      "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
  const auto checkpoint = Checkpoint::read(text);
  ASSERT_TRUE(checkpoint) << checkpoint.error();
  EXPECT_EQ(checkpoint->origin, "example.com/behind-the-sofa");
  EXPECT_EQ(checkpoint->size, 20852163U);
  EXPECT_EQ(encoding::encode_hex(checkpoint->root).substr(0, 8), "0ac5186a");
  EXPECT_EQ(checkpoint->write(), text);
  EXPECT_EQ(Checkpoint::read("o\n18446744073709551615\n" + text.substr(37))->size, ~std::uint64_t{0});
}

TEST(Checkpoint, OfHostileTextIsRefused) {
  const std::string root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
  ASSERT_TRUE(Checkpoint::read("o\n0\n" + root + "\n"));
  for (const std::string& bad :
       {std::string(), std::string("\n\n\n"), "o\n0\n" + root, "\n0\n" + root + "\n", "o\n\n" + root + "\n",
        "o\n00\n" + root + "\n", "o\n-1\n" + root + "\n", "o\n+1\n" + root + "\n", "o\n 1\n" + root + "\n",
        "o\n18446744073709551616\n" + root + "\n", "o\n0\n" + root + "\nextension\n",
        "o\n0\n" + root.substr(4) + "\n", "o\n0\n " + root + "\n", std::string("o\n0\n\n"),
        "o\n0x1\n" + root + "\n"}) {
    EXPECT_FALSE(Checkpoint::read(bad)) << bad;
  }
}

}  // namespace
}  // namespace storagepool::tlog
