// The running program where its clock is not PostgreSQL's.
#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/timestamp.h"
#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using std::chrono::hours;
using testing::eventually;
using ::testing::HasSubstr;
using ::testing::Not;

class DataStorageClockTest : public testing::LoneProgramTest {
 protected:
  // Sessions that are made from now on read a clock that is so far ahead.
  void shift_the_servers_clock(const std::string& interval) {
    const std::string database = server_.connect_options().database;
    server_.superuser("CREATE SCHEMA IF NOT EXISTS shifted", database);
    server_.superuser(
        "CREATE OR REPLACE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS "
        "$$SELECT pg_catalog.clock_timestamp() + interval '" +
            interval + "'$$",
        database);
    server_.superuser("GRANT USAGE ON SCHEMA shifted TO app", database);
    server_.superuser("ALTER ROLE app SET search_path = public, shifted, pg_catalog");
  }
  unsigned create_event_in(std::chrono::microseconds from_now) {
    auto event = testing::valid_event();
    event["event_timestamp"] = runtime::format_timestamp(
        std::chrono::floor<std::chrono::microseconds>(runtime::wall_now() + from_now));
    return pod_.create(event).status;
  }
};

TEST_F(DataStorageClockTest, JudgesEventsByTheServersWhereTheyDiffer) {
  shift_the_servers_clock("3 hours");
  start();
  EXPECT_TRUE(eventually([&] { return pod_.metric("storagepool_clock_offset_seconds") > 10'000; }))
      << pod_.log();
  EXPECT_THAT(pod_.health("/readyz").body, HasSubstr("10800 s behind PostgreSQL's"));
  EXPECT_EQ(create_event_in(hours{3}), 201U);
  EXPECT_EQ(create_event_in(hours{5}), 400U);
}

TEST_F(DataStorageClockTest, SaysNothingOfASmallDifference) {
  shift_the_servers_clock("30 seconds");
  start();
  EXPECT_TRUE(eventually([&] { return pod_.metric("storagepool_clock_offset_seconds") > 20; })) << pod_.log();
  EXPECT_THAT(pod_.health("/readyz").body, Not(HasSubstr("clock")));
  EXPECT_EQ(create_event_in(hours{3}), 400U);
}

}  // namespace
}  // namespace storagepool::service
