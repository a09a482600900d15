#include "pool/evidence/feed/feed.h"

#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pool/event/serialize.h"
#include "pool/evidence/sealing/testing/log_database.h"
#include "pool/reading/testing/reading_fixture.h"

namespace storagepool::evidence {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using Items = std::vector<std::string>;

constexpr const char* kTime = "2020-03-01T12:00:00Z";

class FeedTest : public reading::testing::ReadingFixture {
 protected:
  void SetUp() override {
    ReadingFixture::SetUp();
    ingest_.set_log_keys(make_keys(testing::kSeed));
    begin_log();
  }
  void begin_log() {
    const std::vector<Keys> keys{make_keys(testing::kSeed)};
    sealer_.emplace(testing::kOrigin, keys, testing::note_key());
  }

  static event::Event event(const std::string& type = "t", const std::string& data = "{}") {
    event::Event made = smallest(kTime);
    made.event_type = type;
    made.event_data = data;
    return made;
  }
  static std::string data_of(std::size_t bytes) {
    return R"({"x":")" + std::string(bytes - 8, 'x') + R"("})";
  }
  // In one commit.
  void store(std::vector<event::Event> events) {
    const auto stored =
        postgres::testing::run(context_, ingest_.store("audit", std::move(events), deadline()));
    ASSERT_TRUE(stored) << stored.error().detail;
  }
  std::uint64_t seal() {
    bool again = true;
    while (again) {
      const auto sealed = must(postgres::testing::run(context_, sealer_->seal(*session_, deadline())));
      size_ = sealed.size;
      again = sealed.again;
    }
    return size_;
  }

  tl::expected<FeedPage, FeedError> try_read(const FeedCursor& from, reading::ListQuery query = {}) {
    return postgres::testing::run(context_, feed_.read(from, size_, std::move(query), {format_, "an/origin"},
                                                       deadline(), [this](std::int64_t bytes) {
                                                         reserved_.push_back(bytes);
                                                         return !memory_is_gone_;
                                                       }));
  }
  FeedPage read(const FeedCursor& from, reading::ListQuery query = {}) {
    auto page = try_read(from, std::move(query));
    if (!page) throw std::runtime_error("the feed cannot be read");
    return *std::move(page);
  }
  // Page by page until the end, of which only the last says so.
  Items read_all(const reading::ListQuery& query = {}) {
    Items items;
    FeedCursor from;
    for (bool at_end = false; !at_end;) {
      FeedPage page = read(from, query);
      EXPECT_LE(page.items.size(), static_cast<std::size_t>(query.limit));
      EXPECT_EQ(FeedCursor::read(page.next.write()), page.next);
      std::ranges::move(page.items, std::back_inserter(items));
      at_end = page.at_end;
      if (!at_end && page.next.seq <= from.seq) throw std::runtime_error("the feed stands still");
      from = page.next;
    }
    return items;
  }
  static std::vector<std::uint64_t> seqs_of(const Items& items) {
    std::vector<std::uint64_t> seqs;
    for (const std::string& item : items) seqs.push_back(json::parse(item).at("seq"));
    return seqs;
  }
  CursorFault fault_of(const FeedCursor& from) {
    const auto page = try_read(from);
    if (page || !std::holds_alternative<CursorFault>(page.error()))
      throw std::runtime_error("the cursor is taken");
    return std::get<CursorFault>(page.error());
  }

  std::optional<Sealer> sealer_;
  std::uint64_t size_ = 0;
  Feed feed_{reader_, "audit", clock_};
  std::vector<std::int64_t> reserved_;
  bool memory_is_gone_ = false;
  FeedFormat format_ = FeedFormat::kItem;
};

TEST_F(FeedTest, BeginsWithTheFirstEntryThatIsNotPruned) {
  std::vector<event::Event> expired(300, event());
  for (event::Event& one : expired) {
    one.event_id = event().event_id;
    one.retention_days = 1;
  }
  store(std::move(expired));
  store({event(), event()});
  seal();
  const FeedCursor below = read({}, {.limit = 255}).next;
  const FeedCursor there = read({}, {.limit = 256}).next;
  superuser("DELETE FROM audit_events WHERE retention_days = 1");
  const tlog::Checkpoint shown = tlog::Checkpoint::read(sealer_->checkpoint()->text).value();
  sealer_->raise_floor({.size = shown.size, .root = shown.root});
  superuser("DELETE FROM audit_expiry WHERE expires > '2021-01-01'");  // of the same month
  const auto pruned = must(postgres::testing::run(
      context_, sealer_->prune(*session_, runtime::wall_now() + std::chrono::hours{48}, deadline())));
  ASSERT_EQ(pruned.did, SealingResult::Did::kSealed);
  ASSERT_EQ(sealer_->min_index(), 256U);
  EXPECT_EQ(read({}).items, read(there).items);
  EXPECT_EQ(json::parse(read({}, {.limit = 1}).items.at(0)).at("seq"), 256);
  EXPECT_EQ(json::parse(read_all().back()).at("seq"), 301);
  EXPECT_EQ(fault_of(below), CursorFault::kPruned);
  EXPECT_EQ(fault_of({.seq = 256, .before = "00000000"}), CursorFault::kRolledBack);
}

TEST_F(FeedTest, GivesEachEventOnceInTheOrderOfCommits) {
  std::vector<event::Event> all;
  for (int commit = 0; commit < 14; ++commit) {
    std::vector<event::Event> events;
    for (int i = 0; i < 1 + commit * 7; ++i) events.push_back(event());
    std::ranges::copy(events, std::back_inserter(all));
    store(std::move(events));
    if (commit % 3 == 0) seal();
  }
  ASSERT_EQ(seal(), all.size());
  Items expected;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto stored = get(all[i].event_id);
    ASSERT_TRUE(stored && *stored);
    expected.push_back("{\"seq\":" + std::to_string(i) + "," + event::to_json(**stored).substr(1));
  }
  for (const std::int64_t limit : {1000, 256, 255, 100, 7})
    EXPECT_EQ(read_all({.limit = limit}), expected) << limit;
}

TEST_F(FeedTest, EndsWithWhatIsPublished) {
  EXPECT_TRUE(read({}).at_end);
  EXPECT_THAT(read({}).items, SizeIs(0));
  store({event(), event(), event()});
  ASSERT_EQ(seal(), 3U);
  size_ = 2;
  const FeedPage page = read({});
  EXPECT_THAT(seqs_of(page.items), ElementsAre(0, 1));
  EXPECT_TRUE(page.at_end);
  size_ = 3;
  EXPECT_THAT(seqs_of(read(page.next).items), ElementsAre(2));
  const auto end = postgres::testing::run(context_, feed_.end(3, deadline()));
  ASSERT_TRUE(end);
  EXPECT_THAT(read(*end).items, SizeIs(0));
  EXPECT_EQ(read(*end).next, *end);
  store({event()});
  seal();
  EXPECT_THAT(seqs_of(read(*end).items), ElementsAre(3));
  EXPECT_EQ(postgres::testing::run(context_, feed_.end(0, deadline())).value(), FeedCursor{});
}

TEST_F(FeedTest, TellsWhatHasExpiredAndWhatIsMissing) {
  std::vector<event::Event> events{event(), event(), event(), event(), event()};
  events[1].retention_days = events[3].retention_days = 7;
  store(events);
  seal();
  clock_.stand_at("2020-03-08T12:00:00Z");
  superuser("DELETE FROM audit_events WHERE event_id IN ('" + events[3].event_id + "', '" +
            events[4].event_id + "')");
  const Items items = read_all();
  ASSERT_THAT(items, SizeIs(5));
  EXPECT_THAT(seqs_of(items), ElementsAre(0, 1, 2, 3, 4));
  const auto gone = [&](int seq, const std::string& how) {
    return R"({"seq":)" + std::to_string(seq) + R"(,"event_id":")" +
           events.at(static_cast<std::size_t>(seq)).event_id + R"(",")" + how + R"(":true})";
  };
  EXPECT_EQ(items[1], gone(1, "expired")) << "it is stored, and not served any more";
  EXPECT_EQ(items[3], gone(3, "expired"));
  EXPECT_EQ(items[4], gone(4, "missing"));
  EXPECT_THAT(items[2], HasSubstr("event_data"));
  EXPECT_THAT(seqs_of(read_all({.event_type = "t"})), ElementsAre(0, 2, 4));
  EXPECT_THAT(seqs_of(read_all({.event_type = "none"})), ElementsAre(4)) << "it may have matched";
}

TEST_F(FeedTest, WhoFiltersGoesOnAllTheSame) {
  std::vector<event::Event> events;
  for (int i = 0; i < 600; ++i) events.push_back(event(i % 250 == 0 ? "rare" : "t"));
  for (int first = 0; first < 600; first += 300)
    store({events.begin() + first, events.begin() + first + 300});
  seal();
  EXPECT_THAT(seqs_of(read_all({.event_type = "rare"})), ElementsAre(0, 250, 500));
  EXPECT_THAT(seqs_of(read_all({.event_type = "rare", .limit = 1})), ElementsAre(0, 250, 500));
  EXPECT_THAT(read_all({.event_type = "t", .limit = 100}), SizeIs(597));
  const FeedPage none = read({}, {.event_type = "none"});
  EXPECT_THAT(none.items, SizeIs(0));
  EXPECT_EQ(none.next.seq, 600U);
  EXPECT_THAT(reserved_, Not(SizeIs(0)));
  reserved_.clear();
  read({}, {.event_type = "none"});
  EXPECT_THAT(reserved_, SizeIs(0)) << "nothing is fetched";
}

TEST_F(FeedTest, TakesTheFiltersOfLists) {
  event::Event odd = event("odd", R"({"key":"value"})");
  odd.event_category = "k";
  odd.event_outcome = "failure";
  odd.severity = "high";
  odd.correlation_id = "other";
  odd.actor_id = "somebody";
  odd.received_at = odd.event_timestamp;
  odd.event_timestamp += std::chrono::seconds{1};
  store({event(), odd, event()});
  seal();
  for (const reading::ListQuery& query :
       {reading::ListQuery{.event_type = "odd"}, reading::ListQuery{.event_category = "k"},
        reading::ListQuery{.event_outcome = "failure"}, reading::ListQuery{.severity = "high"},
        reading::ListQuery{.correlation_id = "other"}, reading::ListQuery{.since = odd.event_timestamp},
        reading::ListQuery{.event_type = {"odd", "none"}}, reading::ListQuery{.actor_id = "somebody"},
        reading::ListQuery{.received_since = odd.received_at},
        reading::ListQuery{.detail = reading::DetailFilter{"key", "value"}}})
    EXPECT_THAT(seqs_of(read_all(query)), ElementsAre(1));
  EXPECT_THAT(seqs_of(read_all({.until = odd.event_timestamp - std::chrono::seconds{1}})), ElementsAre(0, 2));
}

TEST_F(FeedTest, AFilterLooksAtSoManyEntriesAtOnce) {
  store({event()});
  ASSERT_EQ(seal(), 1U);
  std::vector<event::Event> events;
  for (int commit = 0; commit < 25; ++commit) {
    events.clear();
    for (int i = 0; i < 450; ++i) events.push_back(event());
    store(events);
  }
  ASSERT_GT(seal(), kFeedEntries);
  const FeedPage page = read({}, {.event_type = "none"});
  EXPECT_FALSE(page.at_end);
  EXPECT_GE(page.next.seq, kFeedEntries);
  EXPECT_LT(page.next.seq, kFeedEntries + 256);
  EXPECT_TRUE(read(page.next, {.event_type = "none"}).at_end);
}

TEST_F(FeedTest, AReadHoldsAMebibyteAndWhatIsLargerComesAlone) {
  store({event(), event("t", data_of(400'000)), event("t", data_of(500'000)), event("t", data_of(400'000)),
         event("t", data_of(5'000'000)), event(), event("t", data_of(2'000'000))});
  seal();
  const auto pages = [&](const reading::ListQuery& query) {
    std::vector<std::vector<std::uint64_t>> of_pages;
    FeedPage page;
    while (!page.at_end && of_pages.size() < 20) {
      page = read(page.next, query);
      of_pages.push_back(seqs_of(page.items));
    }
    return of_pages;
  };
  for (const reading::ListQuery& query : {reading::ListQuery{}, reading::ListQuery{.event_type = "t"}})
    EXPECT_THAT(pages(query), ElementsAre(ElementsAre(0, 1, 2), ElementsAre(3), ElementsAre(4),
                                          ElementsAre(5), ElementsAre(6)));
  EXPECT_THAT(reserved_, ::testing::Contains(5'000'000));
  memory_is_gone_ = true;
  const FeedPage small = read({});
  EXPECT_THAT(seqs_of(small.items), ElementsAre(0)) << "a usual page needs none";
  const auto refused = try_read(small.next);
  ASSERT_FALSE(refused);
  EXPECT_EQ(std::get<tables::StoreError>(refused.error()).kind, tables::StoreError::Kind::kUnavailable);
}

TEST_F(FeedTest, ACursorOfAnotherLogIsRefused) {
  store({event(), event(), event()});
  seal();
  const FeedCursor after_one = read({}, {.limit = 1}).next;
  const FeedCursor at_end = read({}).next;
  server_->empty("audit");
  session_ = open();
  must(postgres::testing::run(context_, tables::migrate(*session_, tables::migrations(), deadline())));
  begin_log();
  store({event()});
  seal();
  EXPECT_EQ(fault_of(after_one), CursorFault::kRolledBack);
  EXPECT_EQ(fault_of(at_end), CursorFault::kBeyond);
  size_ = 0;
  EXPECT_EQ(fault_of(after_one), CursorFault::kBeyond);
}

TEST_F(FeedTest, ComesInTheFormThatIsAskedFor) {
  event::Event secret = event("t", R"({"key":"secret"})");
  secret.is_sensitive = true;
  const event::Event gone = event();
  store({secret});
  store({gone});
  seal();
  superuser("DELETE FROM audit_events WHERE event_id = '" + gone.event_id + "'");
  const auto stored = get(secret.event_id);
  ASSERT_TRUE(stored && *stored);
  event::Event shown = **stored;
  for (const FeedFormat format : {FeedFormat::kCloudEvents, FeedFormat::kOcsf}) {
    format_ = format;
    const Rendering rendering{format, "an/origin"};
    const Items items = read({}).items;
    ASSERT_THAT(items, SizeIs(2));
    EXPECT_EQ(items[0], render(rendering, 0, shown));
    EXPECT_THAT(items[0], HasSubstr("secret"));
    EXPECT_EQ(
        json::parse(items[1]),
        json::parse(render_gone(
            rendering,
            {.seq = 1, .key = {gone.event_id, gone.event_timestamp}, .expires_at = runtime::Timestamp::max()},
            {})));
    EXPECT_THAT(read({}, {.sees_sensitive = false}).items[0], Not(HasSubstr("secret")));
  }
}

TEST_F(FeedTest, WhatIsSensitiveIsShownToWhoMaySeeIt) {
  event::Event secret = event("t", R"({"key":"secret"})");
  secret.is_sensitive = true;
  secret.error_message = "secret";
  secret.salt = "c2FsdHNhbHRzYWx0c2FsdA==";
  store({secret});
  seal();
  EXPECT_THAT(read({}).items.at(0), HasSubstr("secret"));
  EXPECT_THAT(read({}, {.sees_sensitive = false}).items.at(0), Not(HasSubstr("secret")));
  EXPECT_THAT(read({}, {.detail = reading::DetailFilter{"key", "secret"}, .sees_sensitive = false}).items,
              SizeIs(0));
}

TEST_F(FeedTest, WhatItsClientHasGivenUpWhileItWaitedIsNotRead) {
  store({event()});
  seal();
  engine_.reconfigure(
      {.max_open_conns = 1, .max_idle_conns = 1, .max_conns_per_database = 1, .system_conns = 1});
  std::optional lease = postgres::testing::run(context_, engine_.acquire("audit", deadline()));
  ASSERT_TRUE(*lease);
  bool gone = false;
  const reading::Reader::Gone has_gone = [&gone] { return gone; };
  std::optional<tl::expected<FeedPage, FeedError>> page;
  std::optional<tl::expected<FeedCursor, FeedError>> end;
  boost::asio::co_spawn(context_,
                        postgres::testing::keep(feed_.read(
                                                    {}, size_, {}, {format_, "an/origin"}, deadline(),
                                                    [](std::int64_t) { return true; }, has_gone),
                                                page),
                        boost::asio::detached);
  boost::asio::co_spawn(context_, postgres::testing::keep(feed_.end(size_, deadline(), has_gone), end),
                        boost::asio::detached);
  context_.restart();
  context_.run_for(std::chrono::milliseconds{5});  // longer than who is served at once waits
  EXPECT_FALSE(page || end);
  gone = true;
  lease.reset();
  while (!page || !end) {
    context_.restart();
    context_.run_for(std::chrono::milliseconds{5});
  }
  ASSERT_FALSE(*page || *end);
  EXPECT_EQ(std::get<tables::StoreError>(page->error()).kind, tables::StoreError::Kind::kUnavailable);
  EXPECT_EQ(std::get<tables::StoreError>(end->error()).kind, tables::StoreError::Kind::kUnavailable);
}

// What agrees no more is given as far as it does.
TEST_F(FeedTest, ALogThatIsNotAsItWasLeftIsAnError) {
  std::vector<event::Event> events;
  for (int i = 0; i < 300; ++i) events.push_back(event());
  store(events);
  seal();
  store({event()});
  seal();
  superuser("DELETE FROM audit_seals WHERE first_seq = 300");
  const FeedPage page = read({}, {.limit = 1000});
  EXPECT_THAT(page.items, SizeIs(256));
  EXPECT_FALSE(page.at_end);
  const auto broken = try_read(page.next);
  ASSERT_FALSE(broken);
  EXPECT_EQ(std::get<LogError>(broken.error()).kind, LogError::Kind::kBroken);
}

}  // namespace
}  // namespace storagepool::evidence
