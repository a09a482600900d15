// Proofs of a workspace's events, and how its log is anchored in that of the database.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/cli/commands/log/proofs.h"
#include "operator/cli/testing/small_log.h"

namespace storagepool::cli {
namespace {

using ::testing::HasSubstr;
using namespace testing;

class WorkspaceProofs : public ::testing::Test {
 protected:
  static constexpr const char* kThere = "storagepool.dev/team/audit/ws/team-a/1a2b";

  WorkspaceProofs() {
    there_.add("{}");
    lines_.push_back(there_.line(0));
    there_.add("{\"a\":1}");
    there_.add("{\"a\":2}");
  }
  // Of the log with two events more than are anchored.
  void grow() {
    there_.add("{\"a\":3}");
    there_.add("{\"a\":4}");
    lines_.push_back(there_.line(1));
    lines_.push_back(there_.line(4));
  }
  // An event of the database's log with its proof.
  std::string event(const std::string& data, Json more = Json::object()) {
    const Json usual{{"event_type", kAnchored}, {"received_at", "2026-02-01T00:00:00Z"}};
    for (const auto& [name, value] : usual.items())
      if (!more.contains(name)) more[name] = value;
    return database_.line(database_.add(data, more));
  }
  std::vector<Step> steps() { return {there_.step(1, 3), there_.step(3, 5)}; }
  ProofVerdict verdict(const std::string& anchor) {
    Verifier verifier(database_.key(), witnesses_, "team-a");
    for (const std::string& line : lines_) verifier.line(line);
    if (!anchor.empty()) verifier.line(anchor);
    const auto count = static_cast<std::int64_t>(lines_.size());
    verifier.line(last_line(count, count));
    return std::move(verifier).verdict();
  }
  std::string wrong(const std::string& anchor) {
    const ProofVerdict found = verdict(anchor);
    EXPECT_FALSE(found.good());
    EXPECT_THAT(report(found, Paint(false)), HasSubstr("WRONG: what the export has of the log " +
                                                       std::string(kOrigin) + ": " + found.wrong_anchor));
    return found.wrong_anchor;
  }

  SmallLog database_;
  SmallLog there_{kThere};
  std::vector<std::string> lines_;
  std::vector<tlog::NoteKey> witnesses_;
};

TEST_F(WorkspaceProofs, AreVerifiedByTheKeyOfTheDatabase) {
  const ProofVerdict found = verdict("");
  EXPECT_TRUE(found.good());
  EXPECT_THAT(
      report(found, Paint(false)),
      ::testing::AllOf(HasSubstr("Proven: the log " + std::string(kThere) + " has"),
                       HasSubstr("Not anchored: nothing shows that the log storagepool.dev/team/audit "
                                 "tells of this one"),
                       HasSubstr("whether the workspace of this name is still the one")));
  EXPECT_EQ(to_json(found)["database"], kOrigin);
  SmallLog later("storagepool.dev/team/audit/ws/team-a/3c4d");
  later.add("{}");
  lines_.push_back(later.line(0));
  EXPECT_THAT(verdict("").findings.at(0).why, HasSubstr("of another log"));
}

TEST_F(WorkspaceProofs, AreAnchoredInTheLogOfTheDatabase) {
  const std::string anchor = event(there_.anchor());
  grow();
  const ProofVerdict found = verdict(anchor_line(anchor, steps()));
  EXPECT_TRUE(found.good()) << report(found, Paint(false));
  ASSERT_TRUE(found.anchored);
  EXPECT_EQ(found.anchored->events, 2) << "the last is newer";
  EXPECT_THAT(report(found, Paint(false)),
              HasSubstr("Anchored: 2 of 3 are among the first 3 entries, which the log "
                        "storagepool.dev/team/audit has in its event id-0 (2026-02-01T00:00:00Z).\n"));
  EXPECT_EQ(to_json(found)["anchored"]["size"], 3);
  Verifier by_its_own(there_.key());
  for (const std::string& line : lines_) by_its_own.line(line);
  by_its_own.line(anchor_line(anchor, steps()));
  by_its_own.line(last_line(3, 3));
  const ProofVerdict alone = std::move(by_its_own).verdict();
  EXPECT_TRUE(alone.good());
  EXPECT_THAT(report(alone, Paint(false)), HasSubstr("Not looked at: "));
}

TEST_F(WorkspaceProofs, AreAnchoredWhereAWitnessHasCosigned) {
  for (const char seed : {'a', 'b'})
    witnesses_.push_back(*tlog::NoteKey::of_seed(tlog::KeyKind::kWitness,
                                                 std::string("witness.example/") + seed,
                                                 std::string(tlog::kSeedBytes, seed)));
  event(there_.anchor());
  const std::string cosigned = database_.cosigned_proof(
      0, witnesses_[0], std::chrono::sys_seconds(std::chrono::seconds(1'790'000'000)));
  grow();
  const ProofVerdict found = verdict(anchor_line(proven_line(database_.item(0), cosigned), steps()));
  EXPECT_TRUE(found.good());
  EXPECT_THAT(report(found, Paint(false)),
              ::testing::AllOf(HasSubstr("Cosigned: that event is in a checkpoint that witness.example/a has "
                                         "cosigned (last at 2026-09-21T14:13:20Z)"),
                               HasSubstr("Not cosigned by witness.example/b")));
}

TEST_F(WorkspaceProofs, AreNotAnchoredByAnythingElse) {
  const std::string good = event(there_.anchor());
  const std::string sent = event(there_.anchor(), {{"received_from", "192.0.2.1"}});
  const std::string other = event(there_.anchor(), {{"event_type", "other"}});
  const std::string nothing = event("{\"logs\":[]}");
  SmallLog fork(kThere);
  for (int i = 0; i < 3; ++i) fork.add("{\"fork\":1}");
  const std::string forked = event(fork.anchor());
  SmallLog longer(kThere);
  for (int i = 0; i < 4; ++i) longer.add("{\"fork\":1}");
  const std::string beside = event(longer.anchor());
  grow();
  lines_.push_back(there_.line(2));
  EXPECT_THAT(wrong(anchor_line(replaced(good, "create", "delete"), steps())),
              HasSubstr("its event is not proven: event_action is not as it was logged"));
  EXPECT_THAT(wrong(anchor_line("{}", steps())), HasSubstr("its event is not proven"));
  EXPECT_THAT(wrong(anchor_line(sent, steps())), HasSubstr("none by which a pod tells"));
  EXPECT_THAT(wrong(anchor_line(other, steps())), HasSubstr("none by which a pod tells"));
  EXPECT_THAT(wrong(anchor_line(nothing, steps())), HasSubstr("has nothing of this log"));
  EXPECT_THAT(wrong(anchor_line(good, {there_.step(1, 3)})), HasSubstr("are one"));
  EXPECT_THAT(wrong(anchor_line(good, {there_.step(1, 5), there_.step(3, 5)})), HasSubstr("are one"));
  EXPECT_THAT(wrong(anchor_line(good, {there_.step(1, 3), fork.step(1, 2)})), HasSubstr("are one"));
  EXPECT_THAT(wrong(anchor_line(beside, {there_.step(1, 4), there_.step(4, 5)})), HasSubstr("are one"));
  EXPECT_THAT(wrong(R"({"anchor":1})"), HasSubstr("it has no event"));
  EXPECT_THAT(wrong(R"({"anchor":{"event":"{}","continued":[1]}})"), HasSubstr("cannot be read"));
  lines_ = {proven_line(fork.item(0), fork.proof(0))};
  EXPECT_THAT(wrong(anchor_line(good, {})), HasSubstr("another log of as many entries"));
  lines_ = {proven_line(fork.item(0), fork.proof(0)), proven_line(fork.item(1), fork.proof(1))};
  EXPECT_TRUE(verdict(anchor_line(forked, {})).good());
}

TEST_F(WorkspaceProofs, ShowThatTheKeyHasSignedTwoLogs) {
  SmallLog fork(kThere);
  fork.add("{\"fork\":1}");
  lines_.push_back(fork.line(0));
  const ProofVerdict found = verdict("");
  EXPECT_FALSE(found.good());
  EXPECT_EQ(found.proven, 1);
  EXPECT_EQ(found.findings.at(0).why, "the log's key has signed another log of as many entries");
}

}  // namespace
}  // namespace storagepool::cli
