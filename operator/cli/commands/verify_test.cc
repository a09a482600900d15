#include "operator/cli/commands/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/cli/testing/recorded.h"
#include "operator/render/storage_pool.h"

namespace storagepool::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace testing;

std::string good_metrics() {
  std::string text =
      "storagepool_pool_max_open 9\nstoragepool_pool_in_use 3\nstoragepool_pool_wait_count_total 7\n"
      "storagepool_journal_waiting_events 0\nstoragepool_journal_durable "
      "1\nstoragepool_clock_offset_seconds 0.1\n"
      "storagepool_postgres_info{encoding=\"UTF8\",version=\"150008\"} 1\n"
      "storagepool_postgres_locks_needed 70\nstoragepool_postgres_locks_available 6400\n";
  const auto granted =
      settings::to_given(settings::with_limit(render::parse_spec(storage_pool("audit", {}))->pool, 9));
  for (const auto& [key, value] : granted) {
    text += "storagepool_pool_setting_info{key=\"" + key + "\",value=\"" +
            settings::format_value(*settings::find(key), value) + "\"} 1\n";
  }
  return text;
}

// One that passes every check.
Evidence good() {
  Json object = storage_pool("audit", settled_status());
  object["spec"]["tls"] = {{"secretRef", {{"name", "cert"}}}};
  object["spec"]["postgres"].update({{"sslMode", "verify-full"}, {"caSecretRef", {{"name", "ca"}}}});
  object["status"]["pods"][1]["appliedGeneration"] = 12;
  object["status"]["conditions"] =
      Json::array({condition("Ready", "True", "Ready"), condition("BudgetExceeded", "False", "WithinBudget"),
                   condition("PostgresReachable", "True", "Reachable"),
                   condition("JournalNotDurable", "False", "Durable")});
  Evidence evidence{
      .pool = pool_of(object),
      .before = {},
      .after = {},
      .disruption_budget = Json::object(),
      .alert_rules = std::vector<Json>{Json::parse(R"({"spec": {"expr": "storagepool_ready == 0"}})")}};
  for (const char* pod : {"team/audit-0", "team/audit-1"}) {
    evidence.before.emplace(pod, parse_samples(good_metrics()));
    evidence.after.emplace(pod, parse_samples(good_metrics()));
  }
  return evidence;
}

void set(Evidence& evidence, const char* pointer, const Json& value) {
  Json object = evidence.pool.object;
  object[Json::json_pointer(pointer)] = value;
  evidence.pool = pool_of(object);
}
void measure(Evidence& evidence, const std::string& line) {
  Samples samples = parse_samples(line + "\n");
  samples.merge(parse_samples(good_metrics()));
  evidence.after.insert_or_assign("team/audit-1", samples);
}
// In place of the samples that begin so; an empty line: they are missing.
void replace(Evidence& evidence, const std::string& beginning, const std::string& line) {
  Samples samples = parse_samples(good_metrics());
  std::erase_if(samples, [&](const auto& sample) { return sample.first.starts_with(beginning); });
  samples.merge(parse_samples(line + "\n"));
  evidence.after.insert_or_assign("team/audit-1", samples);
}

// The checks that do not pass, as "name result".
std::vector<std::string> troubles(const Evidence& evidence) {
  std::vector<std::string> found;
  for (const Check& check : verify(evidence).checks) {
    if (check.verdict == Verdict::kPass) continue;
    EXPECT_FALSE(check.reason.empty()) << check.name;
    found.push_back(check.name + (check.verdict == Verdict::kFail ? " fail" : " unknown"));
  }
  return found;
}

using Break = void (*)(Evidence&);

TEST(Verify, WhatIsFitPassesEveryCheck) {
  EXPECT_THAT(troubles(good()), IsEmpty());
  EXPECT_EQ(verify(good()).checks.size(), check_names().size());
}

TEST(Verify, EachTroubleFailsItsCheckAlone) {
  const std::vector<std::pair<std::string, Break>> cases{
      {"ready fail", [](Evidence& e) { set(e, "/status/conditions/0/status", "False"); }},
      {"replicas fail", [](Evidence& e) { set(e, "/spec/replicas", 1); }},
      {"limits fail", [](Evidence& e) { set(e, "/status/connectionBudget/otherPools", 70); }},
      {"limits fail", [](Evidence& e) { set(e, "/status/connectionBudget/otherWorkloads", 70); }},
      {"limits fail", [](Evidence& e) { set(e, "/status/conditions/1/status", "True"); }},
      {"limits unknown", [](Evidence& e) { set(e, "/status/connectionBudget/serverMax", nullptr); }},
      {"settings fail", [](Evidence& e) { set(e, "/status/pods/0/appliedGeneration", 11); }},
      {"settings fail", [](Evidence& e) { set(e, "/metadata/generation", 3); }},
      {"settings fail", [](Evidence& e) { measure(e, "storagepool_pool_max_open 8"); }},
      {"settings fail",
       [](Evidence& e) {
         replace(e, R"(storagepool_pool_setting_info{key="lockTimeout")",
                 R"(storagepool_pool_setting_info{key="lockTimeout",value="11s"} 1)");
       }},
      {"settings fail",
       [](Evidence& e) { replace(e, R"(storagepool_pool_setting_info{key="lockTimeout")", ""); }},
      {"encoding fail",
       [](Evidence& e) {
         replace(e, "storagepool_postgres_info",
                 R"(storagepool_postgres_info{encoding="LATIN1",version="150008"} 1)");
       }},
      {"encoding fail", [](Evidence& e) { replace(e, "storagepool_postgres_info", ""); }},
      {"locks fail", [](Evidence& e) { measure(e, "storagepool_postgres_locks_needed 3201"); }},
      {"utilisation fail", [](Evidence& e) { measure(e, "storagepool_pool_in_use 8"); }},
      {"waits fail", [](Evidence& e) { measure(e, "storagepool_pool_wait_count_total 8"); }},
      {"tls fail", [](Evidence& e) { set(e, "/spec/tls", nullptr); }},
      {"postgres-tls fail",
       [](Evidence& e) {
         set(e, "/spec/postgres/sslMode", "require");
         set(e, "/spec/postgres/caSecretRef", nullptr);
       }},
      {"auth fail",
       [](Evidence& e) {
         set(e, "/spec/auth", {{"mode", "None"}});
       }},
      {"journal fail",
       [](Evidence& e) {
         set(e, "/spec/journal", {{"persistence", "Ephemeral"}});
       }},
      {"journal fail",
       [](Evidence& e) {
         set(e, "/spec/journal", {{"size", "0"}});
       }},
      {"journal fail", [](Evidence& e) { set(e, "/status/conditions/3/status", "True"); }},
      {"journal fail", [](Evidence& e) { measure(e, "storagepool_journal_waiting_events 1"); }},
      {"journal fail", [](Evidence& e) { measure(e, "storagepool_journal_set_aside_units 1"); }},
      {"postgres fail", [](Evidence& e) { set(e, "/status/conditions/2/status", "False"); }},
      {"postgres fail", [](Evidence& e) { set(e, "/status/conditions/2/reason", "SynchronousCommitOff"); }},
      {"postgres unknown", [](Evidence& e) { set(e, "/status/conditions/2/status", "Unknown"); }},
      {"postgres fail", [](Evidence& e) { set(e, "/status/serverFacts/serverVersion", 120011); }},
      {"clock fail", [](Evidence& e) { measure(e, "storagepool_clock_offset_seconds -61"); }},
      {"invariants fail",
       [](Evidence& e) { measure(e, "storagepool_check_violations_total{check=\"E1\"} 1"); }},
      {"pdb fail",
       [](Evidence& e) {
         e.disruption_budget = tl::unexpected(Failure{FailureKind::kNotFound, "n"});
       }},
      {"pdb unknown",
       [](Evidence& e) {
         e.disruption_budget = tl::unexpected(Failure{FailureKind::kForbidden, "n"});
       }},
      {"alerts fail", [](Evidence& e) { e.alert_rules = std::vector<Json>{}; }},
      {"alerts fail", [](Evidence& e) {
         e.alert_rules = tl::unexpected(Failure{FailureKind::kNotFound, "n"});
       }}};
  for (const auto& [expected, damage] : cases) {
    Evidence evidence = good();
    damage(evidence);
    EXPECT_THAT(troubles(evidence), ::testing::ElementsAre(expected)) << expected;
  }
}

TEST(Verify, LocksAreKnownOnceOnePodHasCountedThem) {
  Evidence evidence = good();
  const std::string none = "storagepool_postgres_locks_needed 0\nstoragepool_postgres_locks_available 0";
  replace(evidence, "storagepool_postgres_locks", none);
  EXPECT_THAT(troubles(evidence), IsEmpty());
  evidence.after.insert_or_assign("team/audit-0", evidence.after.at("team/audit-1"));
  EXPECT_THAT(troubles(evidence), ::testing::ElementsAre("locks unknown"));
}

TEST(Verify, ASettingThatDiffersIsNamedWithBothValues) {
  Evidence evidence = good();
  replace(evidence, R"(storagepool_pool_setting_info{key="lockTimeout")",
          R"(storagepool_pool_setting_info{key="lockTimeout",value="11s"} 1)");
  const auto verified = verify(evidence);
  const auto settings = std::ranges::find(verified.checks, "settings", &Check::name);
  ASSERT_NE(settings, verified.checks.end());
  EXPECT_EQ(settings->reason, "audit-1 has lockTimeout 11s in force, 10s is granted");
}

TEST(Verify, APodThatDoesNotAnswerLeavesOpenWhatItWouldTell) {
  Evidence evidence = good();
  evidence.after.insert_or_assign("team/audit-0", tl::unexpected(Failure{FailureKind::kOther, "refused"}));
  EXPECT_THAT(
      troubles(evidence),
      ::testing::ElementsAre("settings unknown", "utilisation unknown", "waits unknown", "journal unknown",
                             "encoding unknown", "locks unknown", "clock unknown", "invariants unknown"));
  EXPECT_EQ(exit_code_of({verify(evidence)}), kError);
  EXPECT_EQ(exit_code_of({verify(good())}), kGood);
}

TEST(VerifyCommand, HasExitCodesForScripts) {
  Recording recording;
  Evidence evidence = good();
  set(evidence, "/spec/tls", nullptr);
  recording.answer("get storagepools.storagepool.dev audit -o json", evidence.pool.object.dump());
  recording.answer("get poddisruptionbudgets.policy audit -n team -o json", std::string("{}"));
  for (const char* pod : {"audit-0", "audit-1"}) recording.answer(metrics_path(pod), good_metrics());
  const Said said = run_recorded(recording, {"verify", "audit", "--watch", "0s", "--skip", "alerts"});
  EXPECT_EQ(said.exit_code, kBad) << said.err;
  EXPECT_THAT(said.out, HasSubstr("tls           fail    spec.tls.secretRef is not set"));
  EXPECT_EQ(run_recorded(recording, {"verify", "audit", "--watch", "0s", "--skip", "alerts,tls"}).exit_code,
            kGood);
  EXPECT_EQ(run_recorded(recording, {"verify", "audit", "--skip", "nonsense"}).exit_code, kError);
}

}  // namespace
}  // namespace storagepool::cli
