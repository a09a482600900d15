// What the running program keeps of how an event came, and that each event it stores has its entry in the
// log.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/timestamp.h"
#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;
using ::testing::HasSubstr;
using testing::kEvents;
using ::testing::Not;
using testing::valid_event;

class DataStorageEvidenceTest : public testing::LoneProgramTest {
 protected:
  json item(const testing::HttpResponse& created) const {
    EXPECT_LT(created.status, 300U) << created.body;
    return json::parse(
        pod_.api("GET", kEvents + "/" + json::parse(created.body).at("event_id").get<std::string>()).body);
  }
  std::string sql(const std::string& text) const { return server_.superuser(text, "audit").at(0); }
  // Rows with a batch and without one, entries that are kept.
  std::string counts() const {
    return sql(
        "SELECT count(batch) || ' ' || count(*) - count(batch) || ' ' || "
        "(SELECT coalesce(sum(events), 0) FROM audit_batches) FROM audit_events");
  }
};

TEST_F(DataStorageEvidenceTest, AnItemSaysHowItsEventCame) {
  pod_.write("auth/tokens", "gateway-0123456789abcdef0123456789abcdef gateway:read,write,sensitive\n");
  pod_.token = "gateway-0123456789abcdef0123456789abcdef";
  start({"--auth-mode=Token"});
  json event = valid_event();
  event["principal"] = "root";
  event["received_from"] = "192.0.2.1";
  event["is_sensitive"] = true;
  const auto before = runtime::wall_now();
  const json plain = item(pod_.create(event));
  const auto after = runtime::wall_now();
  EXPECT_EQ(plain.at("principal"), "gateway");
  EXPECT_EQ(plain.at("received_from"), "127.0.0.1");
  const auto received = runtime::parse_timestamp(plain.at("received_at").get<std::string>());
  ASSERT_TRUE(received);
  EXPECT_GE(*received, before);
  EXPECT_LE(*received, after);
  EXPECT_FALSE(plain.contains("salt"));
  EXPECT_EQ(sql("SELECT length(salt) FROM audit_events"), "24");
}

TEST_F(DataStorageEvidenceTest, WhereNobodyIsToldApartThereIsNoPrincipal) {
  start();
  const json anonymous = item(pod_.create(valid_event()));
  EXPECT_FALSE(anonymous.contains("principal"));
  EXPECT_EQ(anonymous.at("received_from"), "127.0.0.1");
  EXPECT_EQ(sql("SELECT count(salt) FROM audit_events"), "0");
}

TEST_F(DataStorageEvidenceTest, WhatWaitedInTheJournalHasTheTimeWhenItCameAndAnEntry) {
  start();
  ASSERT_EQ(pod_.create(valid_event()).status, 201U);
  server_.stop();
  const auto accepted = pod_.create(valid_event());
  ASSERT_EQ(accepted.status, 202U);
  const auto until = runtime::wall_now();
  server_.start();
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_journal_waiting_events") == 0; }))
      << pod_.log();
  const auto received = runtime::parse_timestamp(item(accepted).at("received_at").get<std::string>());
  ASSERT_TRUE(received);
  EXPECT_LE(*received, until);
  EXPECT_EQ(counts(), "2 0 2");
}

TEST_F(DataStorageEvidenceTest, EntriesBeginWithTheKey) {
  const std::string key = pod_.read("keys/log");
  pod_.remove("keys/log");
  start();
  EXPECT_THAT(pod_.log(), HasSubstr("the key of the log that is mounted is not used"));
  ASSERT_EQ(pod_.create(valid_event()).status, 201U);
  EXPECT_EQ(counts(), "0 1 0");
  pod_.write("keys/log", key);
  ASSERT_TRUE(
      eventually([&] { return pod_.log().find("events get entries in the log") != std::string::npos; }));
  ASSERT_EQ(pod_.create(valid_event()).status, 201U);
  EXPECT_EQ(counts(), "1 1 1");
  EXPECT_THAT(pod_.log(), Not(HasSubstr(key.substr(key.rfind('+')))));
}

TEST_F(DataStorageEvidenceTest, TheLogGrowsSoonAfterWhatIsStored) {
  start();
  json batch = json::array();
  for (int i = 0; i < 50; ++i) batch.push_back(valid_event());
  ASSERT_EQ(pod_.api("POST", kEvents + "/batch", batch.dump()).status, 201U);
  ASSERT_EQ(pod_.create(valid_event()).status, 201U);
  EXPECT_TRUE(eventually([&] { return pod_.metric("storagepool_log_size") == 51; })) << pod_.log();
  EXPECT_EQ(sql("SELECT origin || ' ' || size FROM audit_log"), "storagepool.dev/test/audit 51");
  EXPECT_EQ(pod_.metric("storagepool_log_key"), 1);
  EXPECT_EQ(pod_.metrics().find("storagepool_log_alarms_total{"), std::string::npos);
}

TEST_F(DataStorageEvidenceTest, AStateThatSomebodyWroteIsNotSealedOn) {
  start();
  ASSERT_EQ(pod_.create(valid_event()).status, 201U);
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_size") == 1; })) << pod_.log();
  server_.superuser("UPDATE audit_log SET last_batch = last_batch + 1", "audit");
  ASSERT_EQ(pod_.create(valid_event()).status, 201U) << "events are stored all the same";
  EXPECT_TRUE(eventually([&] {
    return pod_.metrics().find("storagepool_log_alarms_total{alarm=\"ForgedState\"}") != std::string::npos;
  })) << pod_.metrics();
  EXPECT_EQ(sql("SELECT size FROM audit_log"), "1");
  EXPECT_THAT(pod_.log(), HasSubstr("not as this StoragePool's pods have left it"));
}

}  // namespace
}  // namespace storagepool::service
