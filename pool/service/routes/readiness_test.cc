#include "pool/service/routes/readiness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kMiB = std::int64_t{1024} * 1024;

journal::Statistics empty_journal() {
  journal::Statistics journal;
  journal.max_bytes = 16 * kMiB;
  journal.durable = true;
  return journal;
}

// All is well.
Situation well() {
  Situation now;
  now.journal = report_journal(empty_journal(), true, {});
  now.schema_seen = true;
  return now;
}
Situation away() {
  Situation now = well();
  now.postgres = {"PostgreSQL is not reachable: nothing listens"};
  return now;
}

TEST(JournalReport, TellsWhatWaits) {
  const auto now = runtime::Timestamp(std::chrono::seconds{1000});
  journal::Statistics journal = empty_journal();
  journal.waiting = {.units = 3, .events = 40, .bytes = 9000};
  journal.aside.units = 2;
  journal.oldest = now - std::chrono::milliseconds{90'900};
  EXPECT_EQ(report_journal(journal, true, now), (settings::JournalReport{40, 3, 2, 90, true, ""}));
  journal.oldest = now + std::chrono::seconds{5};
  EXPECT_EQ(report_journal(journal, true, now).oldest_seconds, 0) << "the clock was set back";
}

TEST(JournalReport, TellsWhyNothingIsTaken) {
  EXPECT_EQ(report_journal(empty_journal(), false, {}).reason, "its size is set to 0");
  journal::Statistics journal = empty_journal();
  journal.durable = false;
  journal.not_durable_because = "cannot append to /state/journal.db: disk full";
  EXPECT_EQ(report_journal(journal, true, {}).reason, journal.not_durable_because);
  journal = empty_journal();
  journal.used = 0.99;
  const auto full = report_journal(journal, true, {});
  EXPECT_FALSE(full.takes_events);
  EXPECT_EQ(full.reason, "it is full");
  journal.used = 0.98;
  EXPECT_TRUE(report_journal(journal, true, {}).takes_events);
}

TEST(Readiness, IsThereWhilePostgresqlStoresEvents) {
  Situation now = well();
  EXPECT_THAT(judge(now).not_ready, IsEmpty());
  EXPECT_THAT(judge(now).degraded, IsEmpty());
  now.journal.reset();
  EXPECT_THAT(judge(now).not_ready, IsEmpty());
  EXPECT_THAT(judge(now).degraded, IsEmpty());
  now = well();
  now.journal->takes_events = false;
  now.journal->reason = "it is full";
  EXPECT_THAT(judge(now).not_ready, IsEmpty());
  EXPECT_THAT(judge(now).degraded, ElementsAre("the journal takes no events: it is full"));
}

TEST(Readiness, NeedsACertificateWhereThereIsToBeOne) {
  for (Situation now : {well(), away()}) {
    now.tls = "the key is not the certificate's";
    EXPECT_THAT(judge(now).not_ready, IsEmpty()) << "the one before serves on";
    EXPECT_THAT(judge(now).degraded, ::testing::Contains(now.tls));
    now.serves_tls = false;
    EXPECT_THAT(judge(now).not_ready, ElementsAre(now.tls));
  }
}

TEST(Readiness, TellsWhatAPersonHasToMend) {
  Situation now = well();
  now.to_mend = {"the registry of workspaces is lost"};
  EXPECT_THAT(judge(now).not_ready, IsEmpty());
  EXPECT_THAT(judge(now).degraded, ElementsAre("the registry of workspaces is lost"));
  now.postgres = {"PostgreSQL is not reachable: nothing listens"};
  EXPECT_THAT(judge(now).degraded, ElementsAre(HasSubstr("nothing listens")));
}

TEST(Readiness, IsThereWhileTheJournalTakesEvents) {
  EXPECT_THAT(judge(away()).not_ready, IsEmpty());
  EXPECT_THAT(judge(away()).degraded, ElementsAre(HasSubstr("nothing listens")));
  EXPECT_EQ(journal_refuses(away()), "");
}

TEST(Readiness, EndsWithoutAPlaceForAnEvent) {
  Situation now = away();
  now.journal.reset();
  EXPECT_THAT(judge(now).not_ready, ElementsAre(HasSubstr("nothing listens"), "there is no journal"));
  now = away();
  now.journal->takes_events = false;
  now.journal->reason = "it is full";
  EXPECT_THAT(judge(now).not_ready,
              ElementsAre(HasSubstr("nothing listens"), "the journal takes no events: it is full"));
  now = away();
  now.schema_seen = false;
  EXPECT_THAT(judge(now).not_ready, ElementsAre(HasSubstr("nothing listens"), HasSubstr("never been used")));
}

TEST(Readiness, EndsForAPodThatIsToGo) {
  for (const auto& before : {well(), away()}) {
    Situation now = before;
    now.draining = true;
    EXPECT_THAT(judge(now).not_ready, ElementsAre("draining"));
    EXPECT_EQ(journal_refuses(now), "") << "what still comes is taken";
  }
  Situation now = well();
  now.leaving = true;
  EXPECT_THAT(judge(now).not_ready, ElementsAre("leaving"));
  EXPECT_EQ(journal_refuses(now), "") << "what still comes is taken";
  now.left = true;
  EXPECT_THAT(judge(now).not_ready, ElementsAre("leaving"));
  EXPECT_THAT(journal_refuses(now), HasSubstr("leave"));
}

}  // namespace
}  // namespace storagepool::service
