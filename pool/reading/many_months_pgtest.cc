// Lists on a database that has been written to for years, on a server as PostgreSQL comes.
#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/settings/settings.h"
#include "pool/reading/testing/reading_fixture.h"
#include "pool/tables/partitions.h"

namespace storagepool::reading {
namespace {

using postgres::testing::run;
using ::testing::Each;

class ManyMonthsTest : public testing::ReadingFixture {
 protected:
  // 91 months, one event in each: at its third day.
  void SetUp() override {
    testing::ReadingFixture::SetUp();
    must(run(context_, tables::maintain(*session_, *runtime::parse_timestamp("2020-02-10T12:00:00Z"),
                                        deadline(), {.months_ahead = 88})));
    superuser(R"(INSERT INTO audit_events SELECT gen_random_uuid(),
  '2020-01-03T09:00Z'::timestamptz + i * interval '1 month', '1.0', 't', 'c', 'a', 'success', 'call ' || i, NULL, NULL,
  'c', 'r', 'info', 's', 's', 2555, false, '{}' FROM generate_series(0, 89) AS i)");
  }
  // What each of `count` lists that are asked for at once shows.
  std::vector<std::optional<std::int64_t>> shown_at_once(int count, const ListQuery& query) {
    settings::Settings settings;
    settings.max_open_conns = 90;
    engine_.reconfigure(settings);
    std::vector<std::optional<std::int64_t>> shown(static_cast<std::size_t>(count));
    const auto work = [&](std::size_t at) -> boost::asio::awaitable<void> {
      const auto page = co_await reader_.list("audit", query, deadline());
      EXPECT_TRUE(page) << page.error().detail;
      shown[at] = page ? static_cast<std::int64_t>(page->events.size()) : -1;
    };
    context_.restart();
    for (std::size_t at = 0; at < shown.size(); ++at)
      boost::asio::co_spawn(context_, work(at), boost::asio::detached);
    const auto done = [&] {
      return std::all_of(shown.begin(), shown.end(), [](const auto& one) { return one.has_value(); });
    };
    const auto give_up = deadline();
    while (!done() && std::chrono::steady_clock::now() < give_up)
      context_.run_one_for(std::chrono::milliseconds{10});
    return shown;
  }
};

TEST_F(ManyMonthsTest, AreListedInPagesAsOneMonthIs) {
  std::vector<std::string> by_offset;
  for (bool more = true; more;) {
    const Page page = list({.limit = 7, .offset = static_cast<std::int64_t>(by_offset.size())});
    EXPECT_EQ(page.pagination.total, 90);
    for (const event::Event& event : page.events) by_offset.push_back(event.correlation_id);
    more = page.pagination.has_more;
  }
  std::vector<std::string> by_cursor;
  std::optional<Cursor> cursor;
  do {
    const Page page = list({.limit = 7, .cursor = cursor});
    for (const event::Event& event : page.events) by_cursor.push_back(event.correlation_id);
    cursor = page.pagination.next ? parse_cursor(*page.pagination.next) : std::nullopt;
  } while (cursor);
  std::vector<std::string> expected;
  for (int month = 89; month >= 0; --month) expected.push_back("call " + std::to_string(month));
  EXPECT_EQ(by_offset, expected);
  EXPECT_EQ(by_cursor, expected);
  EXPECT_EQ(list({.offset = 1000}).pagination.total, 90);
  const auto since = runtime::parse_timestamp("2021-01-03T09:00:00Z");
  const auto until = runtime::parse_timestamp("2022-12-03T09:00:00Z");
  const Page two_years = list({.since = since, .until = until, .limit = 5});
  EXPECT_EQ(two_years.events.front().correlation_id, "call 35");
  EXPECT_EQ(two_years.pagination.total, 24);
}

TEST_F(ManyMonthsTest, AreListedByManyAtOnceWithTheLocksThatAServerHas) {
  EXPECT_THAT(superuser("SHOW max_locks_per_transaction"), ::testing::ElementsAre("64"));
  EXPECT_THAT(shown_at_once(80, {.limit = 20}), Each(20));
  EXPECT_THAT(shown_at_once(80, {.limit = 100}), Each(90));
  EXPECT_THAT(shown_at_once(80, {.correlation_id = "call 3"}), Each(1));
  EXPECT_THAT(shown_at_once(80, {.severity = "warning"}), Each(0));
}

}  // namespace
}  // namespace storagepool::reading
