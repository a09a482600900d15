#include "operator/witness/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/witness/testing/told_log.h"

namespace storagepool::witness {
namespace {

Record record_of(testing::ToldLog& log) {
  return {.pool = testing::kPool,
          .uid = "u1",
          .floor = cosigned(log.floor(), testing::witness_key(), runtime::Timestamp(1'790'000'000s))};
}

TEST(Record, ReadsBackTheSame) {
  testing::ToldLog log;
  log.grow(7);
  const Record record = record_of(log);
  const kube::Json object = write_record(record, "system", testing::witness_key().public_text());
  EXPECT_EQ(object["metadata"]["name"], "storagepool-log-u1");
  EXPECT_EQ(object["metadata"]["namespace"], "system");
  EXPECT_EQ(object["data"]["witness"], testing::witness_key().public_text());
  const auto read = read_record(object);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->pool, record.pool);
  EXPECT_EQ(read->uid, record.uid);
  EXPECT_EQ(read->floor, record.floor);
}

TEST(Record, SaysWhatCannotBeRead) {
  testing::ToldLog log;
  log.grow(7);
  const kube::Json good = write_record(record_of(log), "system", "");
  kube::Json object = good;
  object["data"]["checkpoint"] = "nonsense";
  EXPECT_THAT(read_record(object).error(), ::testing::HasSubstr("data.checkpoint"));
  for (const char* member : {"uid", "name", "namespace"}) {
    object = good;
    object["data"].erase(member);
    EXPECT_FALSE(read_record(object)) << member;
  }
  EXPECT_FALSE(read_record(kube::Json::object()));
}

}  // namespace
}  // namespace storagepool::witness
