// Legal holds on a real server, and the race of those that are placed with the deletion of what has expired.
#include "pool/evidence/holds/holds.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/tables/legal_holds.h"
#include "pool/tables/partitions.h"
#include "pool/tables/testing/migrated_database.h"

namespace storagepool::evidence {
namespace {

using boost::asio::awaitable;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

int given(const char* variable, int otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::atoi(text);
}

class HoldsTest : public tables::testing::MigratedDatabaseTest {
 protected:
  template <typename T>
  T run(awaitable<tl::expected<T, postgres::Error>> call) {
    return must(postgres::testing::run(context_, std::move(call)));
  }
  PlacedHold place(const std::string& correlation, const std::string& reason = "case 7",
                   const std::string& by = "counsel") {
    return run(place_hold(*session_, {correlation, reason, by}, deadline()));
  }
  Holds list(std::int64_t limit = 100, std::int64_t offset = 0) {
    return run(list_holds(*session_, limit, offset, deadline()));
  }
  std::optional<Released> release(const std::string& correlation,
                                  const std::optional<std::string>& hold_id = std::nullopt) {
    return run(release_holds(*session_, {correlation, hold_id, "judge", "closed"}, deadline()));
  }
  // One event each that has expired, in the default partition.
  static void stored(const std::vector<std::string>& correlations) {
    std::string values;
    for (const std::string& correlation : correlations)
      values += (values.empty() ? "($q$" : ", ($q$") + correlation + "$q$)";
    superuser(
        "INSERT INTO audit_events SELECT gen_random_uuid(), '2015-01-10T00:00:00Z', '1.0', 't', 'c', "
        "'a', 'success', correlation, NULL, NULL, 'c', 'r', 'info', 's', 's', 1, false, '{}' "
        "FROM (VALUES " +
        values + ") AS wanted (correlation)");
  }
  tables::Maintenance maintain() {
    return run(tables::maintain(*session_, *runtime::parse_timestamp("2020-01-15T00:00:00Z"), deadline()));
  }
};

TEST_F(HoldsTest, AreListedNewestFirstUntilTheyAreReleased) {
  stored({"a", "a", "b", R"(it's "c" \)"});
  const PlacedHold first = place("a", "the reason", "counsel");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->correlation_id, "a");
  EXPECT_EQ(first->reason, "the reason");
  EXPECT_EQ(first->placed_by, "counsel");
  EXPECT_EQ(first->events, 2);
  ASSERT_TRUE(place("b"));
  ASSERT_TRUE(place(R"(it's "c" \)"));
  const Holds all = list();
  EXPECT_EQ(all.total, 3);
  ASSERT_THAT(all.holds, SizeIs(3));
  EXPECT_EQ(all.holds[0].correlation_id, R"(it's "c" \)");
  EXPECT_EQ(all.holds[2].id, first->id);
  EXPECT_EQ(all.holds[2].placed_at, first->placed_at);
  EXPECT_EQ(all.holds[2].events, 2);
  const Holds second = list(1, 1);
  EXPECT_EQ(second.total, 3);
  ASSERT_THAT(second.holds, SizeIs(1));
  EXPECT_EQ(second.holds[0].correlation_id, "b");
  EXPECT_THAT(list(10, 3).holds, IsEmpty());
  EXPECT_EQ(list(10, 3).total, 3);
  const std::vector<std::string> asked{"a", R"(it's "c" \)", "none"};
  const auto of = run(holds_of(*session_, asked, deadline()));
  ASSERT_THAT(of, SizeIs(2));
  EXPECT_EQ(of.at("a").id, first->id);
  const auto released = release("a");
  ASSERT_TRUE(released);
  EXPECT_THAT(released->hold_ids, ElementsAre(first->id));
  EXPECT_EQ(released->events, 2);
  EXPECT_EQ(list().total, 2);
  EXPECT_FALSE(release("a"));
  EXPECT_EQ(superuser("SELECT released_by || ' ' || release_reason FROM audit_legal_holds "
                      "WHERE correlation_id = 'a'")[0],
            "judge closed");
}

TEST_F(HoldsTest, AreOfAMatterEach) {
  stored({"a"});
  const std::string first = place("a", "case 1")->id;
  const std::string second = place("a", "case 2")->id;
  EXPECT_FALSE(release("b", first));
  const std::array ids{std::string("a")};
  EXPECT_EQ(run(holds_of(*session_, ids, deadline())).at("a").id, first);
  EXPECT_EQ(release("a", first)->events, 0);
  EXPECT_EQ(maintain().deleted, 0);
  EXPECT_EQ(release("a", second)->events, 1);
  EXPECT_EQ(maintain().deleted, 1);
}

TEST_F(HoldsTest, AreNotPlacedOnNothingNorWithoutBound) {
  EXPECT_EQ(place("a").error(), NotPlaced::kNoEvents);
  stored({"a"});
  superuser(
      "INSERT INTO audit_legal_holds SELECT gen_random_uuid(), 'other', 'r', 'p', now(), 1 FROM "
      "generate_series(1, " +
      std::to_string(kMaxHolds) + ")");
  EXPECT_EQ(place("a").error(), NotPlaced::kTooMany);
  EXPECT_THAT(release("other")->hold_ids, SizeIs(kMaxHolds));
  EXPECT_TRUE(place("a"));
}

TEST_F(HoldsTest, KeepTheirDatabaseUntilTheyAreReleasedAndNoneIsPlacedInOneThatIsDropped) {
  stored({"a"});
  EXPECT_FALSE(run(tables::has_holds(*session_, deadline())));
  ASSERT_TRUE(place("a"));
  EXPECT_TRUE(run(tables::has_holds(*session_, deadline())));
  EXPECT_FALSE(run(tables::close_holds(*session_, deadline())));
  EXPECT_EQ(list().total, 1);
  release("a");
  EXPECT_TRUE(run(tables::close_holds(*session_, deadline())));
  EXPECT_TRUE(run(tables::close_holds(*session_, deadline())));
  EXPECT_FALSE(run(tables::has_holds(*session_, deadline())));
  const auto late = postgres::testing::run(context_, place_hold(*session_, {"a", "r", "p"}, deadline()));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().sqlstate, "42P01");
  EXPECT_TRUE(session_->usable());
  EXPECT_FALSE(session_->in_transaction());
}

// Who was told that a hold keeps an event finds it afterwards; who was told that there is none does not.
TEST_F(HoldsTest, AreNotRacedByADeletion) {
  constexpr int kPlacers = 4;
  constexpr int kEach = 5;
  const int races = given("STORAGEPOOL_TEST_RACES", 400);
  const int seed = given("STORAGEPOOL_TEST_SEED", static_cast<int>(std::random_device{}() % 1'000'000));
  SCOPED_TRACE("STORAGEPOOL_TEST_SEED=" + std::to_string(seed));
  std::mt19937 random(static_cast<unsigned>(seed));
  std::vector<std::unique_ptr<postgres::Session>> placers;
  for (int i = 0; i < kPlacers; ++i) placers.push_back(open());
  maintain();
  int placed = 0;
  int raced = 0;
  for (int done = 0; done < races; done += kPlacers * kEach) {
    std::vector<std::string> correlations;
    for (int i = 0; i < kPlacers * kEach; ++i)
      correlations.push_back("c" + std::to_string(done) + "-" + std::to_string(i));
    stored(correlations);
    std::vector<std::string> held;
    std::vector<std::string> gone;
    const auto place_some = [&](int placer, int pause) -> awaitable<void> {
      for (int i = 0; i < kEach; ++i) {
        if (i == pause % kEach) co_await placers[placer]->execute("SELECT 1", deadline());
        const std::string correlation = correlations[placer * kEach + i];
        NewHold wanted{correlation, "r", "p"};
        const auto answer = co_await place_hold(*placers[placer], std::move(wanted), deadline());
        EXPECT_TRUE(answer) << answer.error().detail;
        if (answer) (*answer ? held : gone).push_back(correlation);
      }
    };
    const auto purge = [&](int pauses) -> awaitable<void> {
      for (; pauses > 0; --pauses) co_await session_->execute("SELECT 1", deadline());
      const auto answer =
          co_await tables::maintain(*session_, *runtime::parse_timestamp("2020-01-15T00:00:00Z"), deadline());
      EXPECT_TRUE(answer) << answer.error().detail;
    };
    context_.restart();
    boost::asio::co_spawn(context_, purge(static_cast<int>(random() % 20)), boost::asio::detached);
    for (int i = 0; i < kPlacers; ++i)
      boost::asio::co_spawn(context_, place_some(i, static_cast<int>(random() % 100)), boost::asio::detached);
    context_.run();
    std::vector<std::string> left = superuser("SELECT correlation_id FROM audit_events");
    for (const std::string& correlation : held)
      ASSERT_TRUE(std::ranges::count(left, correlation) == 1) << "held, and gone: " << correlation;
    for (const std::string& correlation : gone)
      ASSERT_TRUE(std::ranges::count(left, correlation) == 0) << "not there, and there: " << correlation;
    placed += static_cast<int>(held.size());
    raced += static_cast<int>(gone.size());
    superuser("TRUNCATE audit_legal_holds, audit_events");
  }
  RecordProperty("held", placed);
  RecordProperty("deleted", raced);
  EXPECT_GT(placed, 0);
  EXPECT_GT(raced, 0);
}

}  // namespace
}  // namespace storagepool::evidence
