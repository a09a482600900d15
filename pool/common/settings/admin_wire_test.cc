#include "pool/common/settings/admin_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::settings {
namespace {

using testing::HasSubstr;

template <typename T>
std::string error_of(const tl::expected<T, Problems>& result) {
  return result ? "" : to_string(result.error());
}

TEST(AdminWire, AChangeReadsBackTheSame) {
  const SettingsChange change{7, {{"maxOpenConns", 16}, {"acquireTimeout", 1500}}};
  EXPECT_EQ(to_json(change), R"({"generation":7,"settings":{"maxOpenConns":16,"acquireTimeout":"1s500ms"}})");
  EXPECT_EQ(parse_settings_change(to_json(change)).value(), change);
}

TEST(AdminWire, AReportReadsBackTheSame) {
  SettingsReport report;
  report.applied_generation = 9;
  report.settings = resolve({{"maxOpenConns", 12}, {"statementTimeout", 0}}).value();
  report.open = 5;
  report.opening = 1;
  report.closing = 2;
  report.in_use = 3;
  report.idle = 2;
  report.waiting = 4;
  report.wait_count = 40;
  report.open_high_water = 8;
  report.leaving = true;
  report.not_ready = {"leaving", "PostgreSQL is not reachable: nothing listens"};
  report.journal = JournalReport{120, 40, 2, 90, false, "the journal is full"};
  EXPECT_EQ(report.sockets(), 8);
  EXPECT_EQ(parse_settings_report(to_json(report)).value(), report);
}

TEST(AdminWire, ALeavingChangeReadsBackTheSame) {
  for (const bool leaving : {true, false}) {
    const LeavingChange change{leaving};
    EXPECT_EQ(parse_leaving_change(to_json(change)).value(), change);
  }
  EXPECT_THAT(error_of(parse_leaving_change("{}")), HasSubstr("leaving: must be true or false"));
  EXPECT_THAT(error_of(parse_leaving_change(R"({"leaving":1})")), HasSubstr("leaving"));
}

TEST(AdminWire, WhatOnlyANewerPeerKnowsIsLeftAlone) {
  const SettingsReport report;
  std::string text = to_json(report);
  text.insert(1, R"("weather":{"rain":1},)");
  text.insert(text.find(R"("settings":{)") + std::string(R"("settings":{)").size(), R"("umbrellas":3,)");
  EXPECT_EQ(parse_settings_report(text).value(), report) << text;
  EXPECT_EQ(parse_leaving_change(R"({"leaving":true,"because":"rain"})").value(), LeavingChange{true});
  const auto facts =
      parse_facts_report(R"({"reachable":false,"factsAgeSeconds":0,"detail":"it rains","fault":"weather"})");
  EXPECT_EQ(facts.value().fault, PostgresFault::kOther);
}

TEST(AdminWire, AChangeIsTakenWithoutTheSettingsThatOnlyItsSenderKnows) {
  const auto change =
      parse_settings_change(R"({"generation":2,"settings":{"umbrellas":{"big":3},"maxOpenConns":7}})");
  ASSERT_TRUE(change) << to_string(change.error());
  EXPECT_EQ(change->settings, (Given{{"maxOpenConns", 7}}));
  EXPECT_EQ(change->ignored, Ignored{"umbrellas"});
  EXPECT_THAT(
      error_of(parse_settings_change(R"({"generation":2,"settings":{"umbrellas":3,"maxOpenConns":0}})")),
      HasSubstr("maxOpenConns: \"0\" is not allowed"));
  SettingsReport report;
  report.ignored = change->ignored;
  EXPECT_THAT(to_json(report), HasSubstr(R"("ignoredSettings":["umbrellas"])"));
  EXPECT_EQ(parse_settings_report(to_json(report)).value(), report);
}

TEST(AdminWire, AnOlderPodIsExpectedToHaveWhatItKnows) {
  SettingsReport older;
  older.settings = resolve({{"maxOpenConns", 7}}).value();
  older.not_known = {"stallAfter"};
  const std::string text = to_json(older);
  EXPECT_EQ(text.find("stallAfter"), std::string::npos);
  EXPECT_EQ(parse_settings_report(text).value(), older);
  const Settings granted = resolve({{"maxOpenConns", 7}, {"stallAfter", 3000}}).value();
  EXPECT_TRUE(has_in_force(older, granted));
  EXPECT_FALSE(known_to(older, to_given(granted)).contains("stallAfter"));
  EXPECT_FALSE(has_in_force(older, resolve({{"maxOpenConns", 8}, {"stallAfter", 3000}}).value()));
  SettingsReport ours = older;
  ours.not_known.clear();
  EXPECT_FALSE(has_in_force(ours, granted));
  EXPECT_EQ(known_to(ours, to_given(granted)), to_given(granted));
}

TEST(AdminWire, AReportOfAnOlderPodHasNoJournal) {
  const SettingsReport report;
  std::string text = to_json(report);
  text.erase(text.find(R"(,"leaving")"));
  EXPECT_EQ(parse_settings_report(text + "}").value(), report) << text;
}

TEST(AdminWire, FactsReadBackTheSame) {
  FactsReport report;
  report.reachable = true;
  report.facts = ServerFacts{"7460123",         150'008,           100, 3, 0, 40, std::nullopt, 12,
                             1'769'774'400'000, 1'769'774'400'123, 9};
  report.facts_age_seconds = 4;
  report.target = "db.example:5432/audit";
  report.elsewhere = 2;
  report.refused = Refusals{7, 1'769'774'400'100, "connecting to db.example:5432/audit: full (53300)"};
  EXPECT_EQ(parse_facts_report(to_json(report)).value(), report);
  report.mounted = 7;
  report.sessions_by_pod = {{"audit-0", 3}, {"audit-7", 0}};
  report.trial = TrialReport{.target = "other:5432/audit",
                             .admitted = true,
                             .facts = report.facts,
                             .facts_age_seconds = 3,
                             .fault = PostgresFault::kUnreachable,
                             .detail = "no such host"};
  EXPECT_EQ(parse_facts_report(to_json(report)).value(), report);
  for (const auto fault : {PostgresFault::kCredentialsMissing, PostgresFault::kCredentialsRejected,
                           PostgresFault::kTls, PostgresFault::kServerFull, PostgresFault::kDatabaseMissing,
                           PostgresFault::kUnreachable, PostgresFault::kReadOnly,
                           PostgresFault::kNotPermitted, PostgresFault::kSchema, PostgresFault::kOther}) {
    FactsReport away;
    away.fault = fault;
    away.detail = "connecting to db.example:5432/audit failed";
    EXPECT_EQ(parse_facts_report(to_json(away)).value(), away);
  }
}

TEST(AdminWire, WhatIsSaidOfTheLogReadsBackTheSame) {
  FactsReport facts;
  EXPECT_EQ(to_json(facts).find("\"log\""), std::string::npos);
  EXPECT_EQ(parse_facts_report(to_json(facts)).value(), facts);
  facts.log = LogFacts{.size = 12,
                       .floor = 7,
                       .alarm = "LogRolledBack",
                       .detail = "it is smaller",
                       .epoch = 2,
                       .vkeys = {"origin+01234567+AAAA"}};
  facts.log_key_refusal = "it is empty";
  EXPECT_EQ(parse_facts_report(to_json(facts)).value(), facts);
  EXPECT_EQ(to_json(facts).find("signatures"), std::string::npos);
  facts.log->signatures = 3;
  EXPECT_EQ(parse_facts_report(to_json(facts)).value(), facts);
  const LogFloor floor{.checkpoint = "origin\n7\nroot\n\n\u2014 origin AAAA\n", .grow = true};
  EXPECT_EQ(parse_log_floor(to_json(floor)).value(), floor);
  const LogFloor restart{.checkpoint = "", .restart = LogRestart{.epoch = 2, .reason = "restored"}};
  EXPECT_EQ(parse_log_floor(to_json(restart)).value(), restart);
  EXPECT_THAT(error_of(parse_log_floor(R"({"checkpoint":"","restart":{"epoch":1,"reason":""}})")),
              HasSubstr("restart.epoch: must be a whole number of at least 2"));
  EXPECT_EQ(parse_log_floor(R"({"checkpoint":"","newer":1})").value(), LogFloor{});
  const LogFloor from{.checkpoint = "a note", .from = 5};
  EXPECT_EQ(parse_log_floor(to_json(from)).value(), from);
  EXPECT_THAT(error_of(parse_log_floor(R"({"checkpoint":"","from":0})")), HasSubstr("of at least 1"));
  EXPECT_THAT(error_of(parse_log_floor("{}")), HasSubstr("checkpoint: must be a string"));
  EXPECT_THAT(error_of(parse_log_floor(R"({"checkpoint":"","grow":1})")),
              HasSubstr("grow: must be true or false"));
  const LogReport report{.checkpoint = "a note", .vkey = "origin+01234567+AAAA", .proof = {"AAAA", "BBBB"}};
  EXPECT_EQ(parse_log_report(to_json(report)).value(), report);
  EXPECT_THAT(error_of(parse_log_report(R"({"checkpoint":"","proof":[1]})")), HasSubstr("proof"));
}

TEST(AdminWire, AnOlderPodDoesNotTellTheServersTime) {
  FactsReport report;
  report.facts = ServerFacts{"7460123", 150'008, 100, 3, 0, 40, std::nullopt, 12};
  EXPECT_EQ(to_json(report).find("startedAt"), std::string::npos);
  EXPECT_EQ(to_json(report).find("readAt"), std::string::npos);
  EXPECT_EQ(to_json(report).find("otherSessions"), std::string::npos);
  EXPECT_EQ(parse_facts_report(to_json(report)).value(), report);
}

TEST(AdminWire, ARefusedChangeSaysWhy) {
  EXPECT_THAT(error_of(parse_settings_change("[]")), HasSubstr("must be a JSON object"));
  EXPECT_THAT(error_of(parse_settings_change("{")), HasSubstr("must be a JSON object"));
  EXPECT_THAT(error_of(parse_settings_change(std::string(70'000, ' '))), HasSubstr("65536"));
  EXPECT_THAT(error_of(parse_settings_change(R"({"settings":{}})")),
              HasSubstr("generation: must be a whole number"));
  EXPECT_THAT(error_of(parse_settings_change(R"({"generation":0,"settings":{}})")), HasSubstr("at least 1"));
  EXPECT_THAT(error_of(parse_settings_change(R"({"generation":18446744073709551615,"settings":{}})")),
              HasSubstr("generation"));
  EXPECT_THAT(error_of(parse_settings_change(R"({"generation":1})")),
              HasSubstr("settings: must be an object"));
  EXPECT_THAT(error_of(parse_settings_change(R"({"generation":1,"settings":{"maxOpenConns":"5"}})")),
              HasSubstr("settings.maxOpenConns: must be a whole number from 1 to 10000"));
  EXPECT_THAT(error_of(parse_settings_change(R"({"generation":1,"settings":{"acquireTimeout":5}})")),
              HasSubstr("a duration with its unit"));
  EXPECT_THAT(error_of(parse_settings_change(R"({"generation":1,"settings":{},"limit":5})")),
              HasSubstr("limit"));
}

TEST(AdminWire, AHostileReportIsRefused) {
  EXPECT_NE(error_of(parse_settings_report(R"({"appliedGeneration":1})")), "");
  EXPECT_NE(error_of(parse_facts_report(R"({"reachable":"yes","factsAgeSeconds":0,"detail":""})")), "");
  EXPECT_NE(error_of(parse_facts_report(R"({"reachable":true,"factsAgeSeconds":0,"detail":"","fault":7})")),
            "");
  EXPECT_NE(error_of(parse_facts_report(
                R"({"reachable":true,"factsAgeSeconds":0,"detail":"","facts":{"maxConnections":-4}})")),
            "");
  SettingsReport silent;
  for (const Setting& setting : table()) silent.not_known.emplace_back(setting.key);
  EXPECT_THAT(error_of(parse_settings_report(to_json(silent))), HasSubstr("settings.maxOpenConns"));
  std::string report = to_json(SettingsReport{});
  report.pop_back();
  for (const char* hostile : {R"(,"journal":{"waitingEvents":-1}})", R"(,"journal":{"reason":5}})",
                              R"(,"notReady":"no"})", R"(,"notReady":[1]})", R"(,"leaving":"yes"})"}) {
    EXPECT_NE(error_of(parse_settings_report(report + hostile)), "") << hostile;
  }
}

}  // namespace
}  // namespace storagepool::settings
