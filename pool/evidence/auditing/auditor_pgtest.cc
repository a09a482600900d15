// What somebody does to events and to their log, and what the full audit says of it.
#include "pool/evidence/auditing/auditor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/evidence/auditing/statements.h"
#include "pool/evidence/auditing/testing/audited_database.h"

namespace storagepool::evidence {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class AuditorTest : public testing::AuditedDatabaseTest {};

TEST_F(AuditorTest, AnEventThatWasDeletedIsMissing) {
  const auto stored = store(events(300));
  seal();
  superuser("DELETE FROM audit_events" + where(stored[150]));
  EXPECT_THAT(pass(), ElementsAre(Kind::kMissingEvents));
  EXPECT_THAT(details_, HasSubstr(stored[150].event_id));
  EXPECT_EQ(last().missing, 1);
  EXPECT_EQ(last().altered + last().unlogged, 0);
  EXPECT_THAT(pass(), ElementsAre(Kind::kMissingEvents)) << "as long as it is so";
  superuser("DELETE FROM audit_events");
  EXPECT_THAT(pass(), ElementsAre(Kind::kMissingEvents, Kind::kMissingEvents)) << "one for each step";
  EXPECT_EQ(last().missing, 300);
}

TEST_F(AuditorTest, NobodyPassesEntriesOffAsPruned) {
  for (int i = 0; i < 3; ++i) store(events(200));
  seal();
  superuser(
      "UPDATE audit_log SET min_index = 512; DELETE FROM audit_events WHERE batch IN (SELECT "
      "unnest(batches[1:2]) FROM audit_seals)");
  EXPECT_THAT(pass(), Contains(Kind::kMissingEvents));
  EXPECT_EQ(last().missing, 400);
}

TEST_F(AuditorTest, AnEventThatWasChangedIsAltered) {
  const auto stored = store(events(3));
  seal();
  superuser("UPDATE audit_events SET actor_id = 'nobody'" + where(stored[1]));
  EXPECT_THAT(pass(), ElementsAre(Kind::kAlteredEvents, Kind::kAlteredEvents)) << "by key and in the heap";
  EXPECT_THAT(details_, HasSubstr(stored[1].event_id));
  EXPECT_EQ(last().altered, 1);
  EXPECT_EQ(last().missing + last().unlogged, 0);
}

TEST_F(AuditorTest, AnEventThatWasPutInBehindTheLogIsUnlogged) {
  const auto stored = store(events(3));
  seal();
  superuser("CREATE TABLE copies AS SELECT * FROM audit_events" + where(stored[0]) +
            "; UPDATE copies SET event_id = '00000000-0000-7000-8000-000000000001'; "
            "INSERT INTO audit_events SELECT * FROM copies; DROP TABLE copies");
  EXPECT_THAT(pass(), ElementsAre(Kind::kUnloggedEvents));
  EXPECT_THAT(details_, HasSubstr("00000000-0000-7000-8000-000000000001"));
  EXPECT_EQ(last().unlogged, 1);
  EXPECT_EQ(last().missing + last().altered, 0);
}

TEST_F(AuditorTest, AnEventWithABatchThatNoPodHasWrittenIsUnlogged) {
  store(events(2));
  seal();
  const auto stored = store(events(1));
  superuser("UPDATE audit_batches SET mac = '\\x00' WHERE batch = (SELECT batch FROM audit_events" +
            where(stored[0]) + ")");
  EXPECT_THAT(pass(), ElementsAre(Kind::kUnloggedEvents));
  EXPECT_EQ(last().unlogged, 1);
}

TEST_F(AuditorTest, EventsOfABatchThatDoesNotAgreeWithItselfAreUnlogged) {
  store(events(2));
  seal();
  superuser("UPDATE audit_batches SET events = 3");
  EXPECT_THAT(pass(), ElementsAre(Kind::kUnloggedEvents));
  EXPECT_EQ(last().unlogged, 2);
}

TEST_F(AuditorTest, EventsWithoutABatchOfTheTimeBeforeTheLogAreLeftAlone) {
  const auto stored = store(events(3));
  seal();
  superuser("INSERT INTO audit_events SELECT * FROM audit_events" + where(stored[0]) + " AND false");
  superuser(
      "CREATE TABLE copies AS SELECT * FROM audit_events; UPDATE copies SET batch = NULL, event_id = "
      "gen_random_uuid(); INSERT INTO audit_events SELECT * FROM copies; DROP TABLE copies");
  EXPECT_THAT(pass(), IsEmpty()) << details_;
  EXPECT_EQ(last().without_batch, 3);
}

TEST_F(AuditorTest, EventsWithoutABatchOfALaterTimeAreUnloggedOnce) {
  store(events(1));
  seal();
  const auto put_in = [&] {
    superuser(
        "CREATE TABLE copies AS SELECT * FROM audit_events LIMIT 1; UPDATE copies SET batch = NULL, event_id "
        "= "
        "gen_random_uuid(), event_timestamp = '2035-01-01Z'; INSERT INTO audit_events SELECT * FROM copies; "
        "DROP TABLE copies");
  };
  put_in();
  put_in();
  EXPECT_THAT(pass(), ElementsAre(Kind::kUnloggedEvents));
  EXPECT_EQ(last().unlogged, 2);
  EXPECT_THAT(pass(), IsEmpty());
  put_in();
  EXPECT_THAT(pass(), ElementsAre(Kind::kUnloggedEvents));
  EXPECT_EQ(last().unlogged, 1);
  EXPECT_EQ(last().without_batch, 3);
}

TEST_F(AuditorTest, AnEventThatIsSaidToHaveNoBatchIsAltered) {
  const auto stored = store(events(2));
  seal();
  superuser("UPDATE audit_events SET batch = NULL" + where(stored[0]));
  EXPECT_THAT(pass(), ElementsAre(Kind::kAlteredEvents));
}

// A row that an index hides is there for who reads the heap, and one that only an index hides is found by
// key.
TEST_F(AuditorTest, ARowThatItsIndexHidesIsMissing) {
  const auto stored = store(events(3));
  seal();
  const std::string indexes =
      "UPDATE pg_index SET indisready = $ WHERE indrelid = 'audit_events_default'::regclass";
  const auto ready = [&](const std::string& value) {
    std::string sql = indexes;
    superuser(sql.replace(sql.find('$'), 1, value));
  };
  superuser("CREATE TABLE copies AS SELECT * FROM audit_events" + where(stored[1]));
  superuser("DELETE FROM audit_events" + where(stored[1]));
  ready("false");
  superuser("INSERT INTO audit_events SELECT * FROM copies");
  ready("true");
  superuser("DROP TABLE copies");
  EXPECT_EQ(superuser("SELECT count(*) FROM audit_events").at(0), "3") << "by a scan of the heap";
  EXPECT_THAT(pass(), ElementsAre(Kind::kMissingEvents));
  EXPECT_EQ(last().missing, 1);
}

// Nobody who asks by key, by time or by correlation sees it.
TEST_F(AuditorTest, ARowThatNoIndexHasIsUnlogged) {
  const auto stored = store(events(3));
  seal();
  superuser("CREATE TABLE copies AS SELECT * FROM audit_events" + where(stored[1]) +
            "; UPDATE copies SET event_id = gen_random_uuid()");
  superuser("UPDATE pg_index SET indisready = false WHERE indrelid = 'audit_events_default'::regclass");
  superuser("INSERT INTO audit_events SELECT * FROM copies");
  superuser("UPDATE pg_index SET indisready = true WHERE indrelid = 'audit_events_default'::regclass");
  superuser("DROP TABLE copies");
  EXPECT_THAT(pass(), ElementsAre(Kind::kUnloggedEvents));
  EXPECT_EQ(last().unlogged, 1);
}

TEST_F(AuditorTest, ReadsTheHeapByPlacesAndTheLogByAnIndex) {
  for (int i = 0; i < 20; ++i) store(events(300));
  superuser("ANALYZE audit_events");
  HeapLayout layout;
  layout.server_version = std::stoll(superuser("SHOW server_version_num").at(0));
  const auto plan = [&](const std::string_view setting, const std::string& sql) {
    std::string text;
    execute(*session_, "BEGIN");
    execute(*session_, std::string(setting));
    for (const std::string& line : query(*session_, "EXPLAIN " + sql)) text += line + "\n";
    execute(*session_, "ROLLBACK");
    return text;
  };
  const HeapPlace from{.block = 3, .offset = 2};
  EXPECT_THAT(plan(kByHeap, read_heap("audit_events_default", from, 35, layout)),
              AllOf(HasSubstr(layout.server_version < 140'000 ? "Tid Scan" : "Tid Range Scan"),
                    Not(HasSubstr("Index")), Not(HasSubstr("Bitmap")), Not(HasSubstr("Seq Scan"))));
  layout.server_version = 130'000;
  EXPECT_THAT(plan(kByHeap, read_heap("audit_events_default", from, 35, layout)),
              AllOf(HasSubstr("Tid Scan"), Not(HasSubstr("Index")), Not(HasSubstr("Seq Scan"))));
  std::string by_key = read_by_keys();
  for (const auto& [parameter, value] :
       {std::pair<std::string, std::string>{"$1", "'{00000000-0000-7000-8000-000000000001}'"},
        {"$2", "'{2020-03-01T12:00:00Z}'"},
        {"$3", "'2020-03-01T12:00:00Z'"},
        {"$4", "'2020-03-01T12:00:00Z'"}})
    by_key.replace(by_key.find(parameter), 2, value);
  EXPECT_THAT(plan(kByKey, by_key), AllOf(HasSubstr("Index Scan"), Not(HasSubstr("Seq Scan"))));
}

// As on PostgreSQL 13, whatever the server.
TEST_F(AuditorTest, BothWaysOfReadingTheHeapGiveTheSameRows) {
  for (int i = 0; i < 10; ++i) store(events(100));
  const auto rows = [&](std::int64_t version) {
    const HeapPlace from{.block = 1, .offset = 3};
    const std::string sql = read_heap("audit_events_default", from, 20, {.server_version = version});
    return query(*session_, "SELECT place FROM (" + sql + ") AS rows");
  };
  EXPECT_EQ(rows(130'000), rows(180'000));
  EXPECT_GT(rows(130'000).size(), 100U);
  EXPECT_EQ(rows(130'000).at(0), "(1,3)");
}

TEST_F(AuditorTest, TheLogThatWasChangedIsAltered) {
  for (int i = 0; i < 4; ++i) store(events(100));
  seal();
  superuser(
      "UPDATE audit_batches SET entries = set_byte(entries, 40, get_byte(entries, 40) # 1) WHERE batch = "
      "(SELECT min(batch) FROM audit_batches)");
  const auto alarms = pass();
  EXPECT_THAT(alarms, Contains(Kind::kAlteredEvents));
  EXPECT_THAT(details_, HasSubstr("do not lead to the checkpoint"));
  EXPECT_GE(last().altered, 2) << "the log, and the event whose entry it was";
  EXPECT_EQ(last().unlogged, 100) << "their batch is no pod's any more";
}

TEST_F(AuditorTest, ABatchThatWasDeletedIsTold) {
  for (int i = 0; i < 4; ++i) store(events(100));
  seal();
  superuser("DELETE FROM audit_batches WHERE batch = (SELECT max(batch) FROM audit_batches)");
  EXPECT_THAT(pass(), AllOf(Contains(Kind::kAlteredEvents), Contains(Kind::kUnloggedEvents))) << details_;
  EXPECT_THAT(details_, HasSubstr("cannot be read"));
  EXPECT_EQ(last().unlogged, 100);
}

TEST_F(AuditorTest, WhatALegalHoldKeepsIsMissed) {
  auto some = events(3);
  for (event::Event& one : some) one.retention_days = 1;
  some[1].correlation_id = "held";
  store(std::move(some));
  seal();
  superuser(
      "INSERT INTO audit_legal_holds (id, correlation_id, reason, placed_by, placed_at, events) VALUES "
      "(gen_random_uuid(), 'held', 'r', 'p', '2020-03-01T13:00:00Z', 1)");
  pass_time(1000h);
  EXPECT_THAT(pass(), IsEmpty()) << details_;
  superuser("DELETE FROM audit_events");
  EXPECT_THAT(pass(), ElementsAre(Kind::kMissingEvents));
  EXPECT_EQ(last().missing, 1);
  superuser("UPDATE audit_legal_holds SET released_at = now()");
  EXPECT_THAT(pass(), IsEmpty()) << details_;
}

TEST_F(AuditorTest, ProgressThatSomebodyElseWroteIsBegunAnew) {
  store(events(300));
  seal();
  step();
  step();
  ASSERT_EQ(progress().at, 256);
  EXPECT_FALSE(auditor_->take_forged());
  superuser("UPDATE audit_progress SET progress = replace(progress, ' 256 ', ' 300 ')");
  step();
  EXPECT_TRUE(auditor_->take_forged());
  EXPECT_EQ(progress().at, 0);
  superuser("DELETE FROM audit_events");
  EXPECT_THAT(pass(), ElementsAre(Kind::kMissingEvents, Kind::kMissingEvents));
  EXPECT_FALSE(auditor_->take_forged());
  superuser("UPDATE audit_progress SET mac = ''");
  step();
  EXPECT_TRUE(auditor_->take_forged());
}

// What is put in the place of the progress is true of the pass that it was written in, which stays the one
// that has ended last.
TEST_F(AuditorTest, ProgressOfAnEarlierPassHidesNothingForGood) {
  const auto stored = store(events(10));
  seal();
  step();
  step();
  ASSERT_EQ(progress().at, 10);
  superuser("CREATE TABLE saved AS TABLE audit_progress");
  const auto began = progress().began;
  pass();
  superuser("DELETE FROM audit_events" + where(stored[3]));
  superuser("DELETE FROM audit_progress; INSERT INTO audit_progress TABLE saved");
  pass_time(24h);
  EXPECT_THAT(pass(), IsEmpty());
  EXPECT_EQ(last().began, began) << "it says of which time it is";
  EXPECT_THAT(pass(), ElementsAre(Kind::kMissingEvents));
}

}  // namespace
}  // namespace storagepool::evidence
