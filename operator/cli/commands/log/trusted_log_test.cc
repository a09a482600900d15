#include "operator/cli/commands/log/trusted_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::cli {
namespace {

using ::testing::HasSubstr;

tlog::NoteKey key_of(const std::string& name, char seed = 's') {
  return *tlog::NoteKey::of_seed(tlog::KeyKind::kLog, name, std::string(tlog::kSeedBytes, seed));
}

tlog::Note note_of(const std::string& origin, char seed = 's') {
  tlog::Note note{.text = tlog::Checkpoint{.origin = origin, .size = 1}.write()};
  note.signatures.push_back(key_of(origin, seed).sign(note.text, {}));
  return note;
}

std::string taken(const tlog::NoteKey& key, const std::string& origin) {
  TrustedLog log(key, "team-a");
  const auto checkpoint = log.checkpoint(note_of(origin));
  return checkpoint ? log.origin() : checkpoint.error();
}

TEST(TrustedLogs, OfADatabaseIsTheOneOfTheKey) {
  const tlog::NoteKey key = key_of("log.example/audit");
  TrustedLog log(key);
  EXPECT_FALSE(log.is_of_workspace());
  EXPECT_EQ(log.origin(), "log.example/audit");
  EXPECT_TRUE(log.checkpoint(note_of("log.example/audit")));
  EXPECT_THAT(log.checkpoint(note_of("log.example/audit", 't')).error(), HasSubstr("no signature"));
  EXPECT_THAT(log.checkpoint(note_of("log.example/audit/ws/team-a/1")).error(), HasSubstr("another log"));
  EXPECT_FALSE(log.checkpoint({.text = "no checkpoint\n"}));
}

TEST(TrustedLogs, OfAWorkspaceIsTheFirstOfItsNameThatIsShown) {
  const tlog::NoteKey key = key_of("log.example/audit");
  const std::string name = "log.example/audit/ws/team-a";
  for (const std::string& other : {std::string("log.example/audit"), name, name + "/", name + "-b/1",
                                   name + "/1/2", name + "/1/e1", std::string("log.example/ws/team-a/1")})
    EXPECT_THAT(taken(key, other), HasSubstr("another log")) << other;
  TrustedLog log(key, "team-a");
  EXPECT_EQ(log.origin(), name);
  EXPECT_THAT(log.checkpoint(note_of(name + "/2", 't')).error(), HasSubstr("no signature"));
  EXPECT_TRUE(log.checkpoint(note_of(name + "/1")));
  EXPECT_EQ(log.origin(), name + "/1");
  EXPECT_TRUE(log.checkpoint(note_of(name + "/1")));
  EXPECT_THAT(log.checkpoint(note_of(name + "/1", 't')).error(), HasSubstr("no signature"));
  EXPECT_THAT(log.checkpoint(note_of(name + "/2")).error(), HasSubstr("another log"));
}

TEST(TrustedLogs, OfAWorkspaceKeepsItsNameInLaterEpochs) {
  for (const char* name : {"log.example/audit", "log.example/audit/e2"}) {
    const tlog::NoteKey key = key_of(name);
    for (const std::string origin : {"log.example/audit/ws/team-a/1", "log.example/audit/ws/team-a/1/e2"})
      EXPECT_EQ(taken(key, origin), origin) << name;
  }
  const tlog::NoteKey named_so = key_of("log.example/e2");
  EXPECT_EQ(taken(named_so, "log.example/e2/ws/team-a/1"), "log.example/e2/ws/team-a/1");
}

}  // namespace
}  // namespace storagepool::cli
