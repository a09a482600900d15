// The feed of the running program: who waits at its end, whose cursor is refused, and a consumer that keeps
// all that was acknowledged however often the program is killed.
#include <atomic>
#include <csignal>
#include <future>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/service/program_tests/testing/load.h"
#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::valid_event;

const std::string kFeed = "/api/v1/audit/feed?from=";

class DataStorageFeedTest : public testing::LoneProgramTest {
 protected:
  void begin_log(int events) {
    for (int i = 0; i < events; ++i) ASSERT_EQ(pod_.create(valid_event()).status, 201U);
    ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_size") == events; })) << pod_.log();
  }
  json read(const std::string& query) const {
    const auto answer = pod_.api("GET", kFeed + query);
    EXPECT_EQ(answer.status, 200U) << answer.body;
    return json::parse(answer.body);
  }
};

TEST_F(DataStorageFeedTest, GivesItemsAsListsDoWithTheirPlaces) {
  start();
  begin_log(3);
  const auto answer = pod_.api("GET", kFeed + "earliest&limit=2");
  EXPECT_EQ(answer.headers.at("cache-control"), "no-store");
  const json page = json::parse(answer.body);
  ASSERT_THAT(page.at("data"), SizeIs(2));
  EXPECT_EQ(page.at("at_end"), false);
  for (int seq = 0; seq < 2; ++seq) {
    json item = page.at("data").at(static_cast<std::size_t>(seq));
    const std::string listed =
        pod_.api("GET", testing::kEvents + "/" + item.at("event_id").get<std::string>()).body;
    EXPECT_THAT(answer.body, HasSubstr("{\"seq\":" + std::to_string(seq) + "," + listed.substr(1)));
  }
  const json rest = read(page.at("next").get<std::string>());
  EXPECT_THAT(rest.at("data"), SizeIs(1));
  EXPECT_EQ(rest.at("at_end"), true);
  EXPECT_EQ(read("latest").at("next"), rest.at("next"));
  EXPECT_THAT(read("latest").at("data"), SizeIs(0));
  EXPECT_THAT(read("earliest&event_type=none").at("data"), SizeIs(0));
  EXPECT_EQ(read("earliest&event_type=none").at("next"), rest.at("next"));
}

TEST_F(DataStorageFeedTest, ComesInTheFormsThatSiemsKnow) {
  start();
  begin_log(2);
  const json items = read("earliest").at("data");
  const json cloud = read("earliest&format=cloudevents").at("data");
  const json ocsf = read("earliest&format=ocsf").at("data");
  const std::string origin = json::parse(pod_.api("GET", "/api/v1/audit/log/status").body).at("origin");
  ASSERT_THAT(cloud, SizeIs(2));
  ASSERT_THAT(ocsf, SizeIs(2));
  for (std::size_t at = 0; at < 2; ++at) {
    EXPECT_EQ(cloud[at].at("data"), items[at]);
    EXPECT_EQ(cloud[at].at("id"), items[at].at("event_id"));
    EXPECT_EQ(cloud[at].at("source"), origin);
    EXPECT_EQ(ocsf[at].at("class_uid"), 6003);
    EXPECT_EQ(ocsf[at].at("metadata").at("uid"), items[at].at("event_id"));
    EXPECT_EQ(ocsf[at].at("metadata").at("sequence"), items[at].at("seq"));
    EXPECT_TRUE(ocsf[at].at("metadata").at("logged_time").is_number_integer());
    EXPECT_EQ(ocsf[at].at("unmapped"), items[at].at("event_data"));
  }
  auto stream = std::async(std::launch::async, [&] {
    return pod_.send(8080, "GET", kFeed + "earliest&format=ocsf", {{"Accept", "application/x-ndjson"}}).body;
  });
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_waiting_requests") == 1; }));
  EXPECT_EQ(pod_.stop(), 0) << pod_.log();
  const std::string lines = stream.get();
  EXPECT_EQ(json::parse(lines.substr(0, lines.find('\n'))), ocsf[0]);
}

TEST_F(DataStorageFeedTest, WhoWaitsIsToldOfWhatComesAndHoldsNoConnection) {
  pod_.config.pool["maxOpenConns"] = 4;
  pod_.write_config();
  start();
  begin_log(1);
  constexpr int kFollowers = 40;
  std::vector<std::future<testing::HttpResponse>> followers;
  for (int i = 0; i < kFollowers; ++i)
    followers.push_back(
        std::async(std::launch::async, [&] { return pod_.api("GET", kFeed + "latest&wait=55s"); }));
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_waiting_requests") == kFollowers; }));
  EXPECT_TRUE(eventually([&] { return pod_.metric("storagepool_pool_in_use") == 0; }));
  const std::string id = json::parse(pod_.create(valid_event()).body).at("event_id");
  for (auto& follower : followers) {
    const auto answer = follower.get();
    ASSERT_EQ(answer.status, 200U) << answer.body;
    EXPECT_THAT(answer.body, HasSubstr("{\"data\":[{\"seq\":1,\"event_id\":\"" + id));
  }
  EXPECT_EQ(pod_.metric("storagepool_log_waiting_requests"), 0);
}

TEST_F(DataStorageFeedTest, WhoWaitsIsAnsweredWhenThePodEnds) {
  start();
  begin_log(1);
  auto follower = std::async(std::launch::async, [&] { return pod_.api("GET", kFeed + "latest&wait=55s"); });
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_waiting_requests") == 1; }));
  EXPECT_EQ(pod_.stop(), 0) << pod_.log();
  const auto answer = follower.get();
  EXPECT_EQ(answer.status, 200U);
  EXPECT_THAT(json::parse(answer.body).at("data"), SizeIs(0));
}

// As a shipper reads it: line by line, on by the last bookmark.
TEST_F(DataStorageFeedTest, StreamsLinesUntilThePodEnds) {
  start();
  json event = valid_event();
  ASSERT_EQ(pod_.create(event).status, 201U);
  std::string spaced = valid_event().dump();
  spaced.insert(spaced.rfind("\"event_data\":{") + 14, "\n\r\n ");
  ASSERT_EQ(pod_.api("POST", testing::kEvents, spaced).status, 201U);
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_size") == 2; }));
  const auto stream = [&](const std::string& query) {
    return pod_.send(8080, "GET", kFeed + query, {{"Accept", "application/x-ndjson"}});
  };
  EXPECT_EQ(stream("1.1.9.00000000").status, 409U) << "before anything is streamed";
  auto follower = std::async(std::launch::async, [&] { return stream("earliest"); });
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_waiting_requests") == 1; }));
  ASSERT_EQ(pod_.create(valid_event()).status, 201U);
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_size") == 3; }));
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_waiting_requests") == 1; }));
  EXPECT_EQ(pod_.stop(), 0) << pod_.log();
  const auto answer = follower.get();
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.headers.at("content-type"), "application/x-ndjson");
  std::vector<std::int64_t> places;
  std::string bookmark;
  std::istringstream text(answer.body);
  for (std::string line; std::getline(text, line);) {
    const json item = json::parse(line);
    if (item.contains("bookmark")) {
      bookmark = item.at("bookmark");
    } else {
      places.push_back(item.at("seq"));
      EXPECT_TRUE(item.contains("event_data"));
    }
  }
  EXPECT_THAT(places, ::testing::ElementsAre(0, 1, 2));
  EXPECT_THAT(bookmark, HasSubstr("1.1.3."));
  EXPECT_EQ(answer.body.back(), '\n');
}

TEST_F(DataStorageFeedTest, CursorsThatDoNotFitAreRefusedInWords) {
  start();
  EXPECT_EQ(pod_.api("GET", kFeed + "1.1.7").status, 400U);
  EXPECT_THAT(pod_.api("GET", kFeed + "1.1.7").body, HasSubstr("from: got \\\"1.1.7\\\"; allowed: earliest"));
  EXPECT_THAT(pod_.api("GET", "/api/v1/audit/feed").body, HasSubstr("from: is required"));
  EXPECT_THAT(pod_.api("GET", kFeed + "latest&wait=1m").body, HasSubstr("a duration from 0s to 55s"));
  begin_log(2);
  const auto refused = [&](const std::string& cursor) {
    const auto answer = pod_.api("GET", kFeed + cursor);
    EXPECT_EQ(answer.status, 409U) << cursor;
    const json problem = json::parse(answer.body);
    EXPECT_EQ(problem.at("resume_from"), "1.1.0.00000000");
    EXPECT_THAT(read(problem.at("resume_from").get<std::string>()).at("data"), SizeIs(2));
    return problem.at("type").get<std::string>() + ": " + problem.at("detail").get<std::string>();
  };
  const std::string other =
      "https://storagepool.dev/problems/log-rolled-back: the cursor is of another log, or of "
      "entries that were lost and whose places others have";
  EXPECT_EQ(refused("1.1.1.00000000"), other);
  EXPECT_EQ(refused("1.2.1.00000000"), other);
  EXPECT_EQ(
      refused("1.1.3.00000000"),
      "https://storagepool.dev/problems/beyond-log: the log does not have so many entries: the cursor is of "
      "another log, or entries were lost");
  // While the log cannot be looked at nobody can tell.
  server_.superuser("ALTER TABLE audit_log RENAME TO elsewhere", "audit");
  EXPECT_EQ(pod_.api("GET", kFeed + "1.1.3.00000000").status, 503U);
  server_.superuser("ALTER TABLE elsewhere RENAME TO audit_log", "audit");
  ASSERT_TRUE(eventually([&] { return pod_.api("GET", kFeed + "1.1.3.00000000").status == 409; }));
  server_.superuser("DELETE FROM audit_seals", "audit");
  const auto broken = pod_.api("GET", kFeed + "earliest");
  EXPECT_TRUE(broken.status == 409 || broken.status == 503) << broken.body;
}

// Reads the feed of two pods in turn, and forgets now and then how far it has come, as what was killed does.
class Consumer {
 public:
  Consumer(std::function<std::uint16_t(int)> port) : port_(std::move(port)), thread_([this] { run(); }) {}
  ~Consumer() { finish(); }

  // Until it has read the feed to an end that is reached after this is called.
  void finish() {
    to_end_ = true;
    if (thread_.joinable()) thread_.join();
  }
  const std::set<std::string>& ids() const { return ids_; }
  const std::vector<std::string>& wrong() const { return wrong_; }
  int repeats() const { return repeats_; }

 private:
  void run() {
    std::string from = "earliest";
    for (int turn = 0; !ended_; ++turn) {
      const bool last = to_end_;
      const auto answer = testing::http(port_(turn), "GET", kFeed + from + "&limit=50&wait=1s");
      if (answer.status == 200) {
        const json page = json::parse(answer.body);
        take(page);
        if (turn % 7 != 0) from = page.at("next");
        ended_ = last && page.at("at_end") == true && page.at("data").empty();
      } else if (answer.status != 0 && answer.status != 503) {
        wrong_.push_back(std::to_string(answer.status) + " " + answer.body);
        ended_ = true;
      } else {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));  // nobody may be there to answer
      }
    }
  }
  void take(const json& page) {
    for (const json& item : page.at("data")) {
      const std::uint64_t seq = item.at("seq");
      const std::string id = item.at("event_id");
      if (seq > next_) wrong_.push_back("after " + std::to_string(next_) + " comes " + std::to_string(seq));
      if (seq < next_) {
        ++repeats_;
        if (!ids_.contains(id)) wrong_.push_back("seq " + std::to_string(seq) + " was another event");
      } else {
        ++next_;
        if (!ids_.insert(id).second) wrong_.push_back(id + " comes twice");
      }
    }
  }

  std::function<std::uint16_t(int)> port_;
  std::uint64_t next_ = 0;
  std::set<std::string> ids_;
  std::vector<std::string> wrong_;
  int repeats_ = 0;
  bool ended_ = false;
  std::atomic<bool> to_end_{false};
  std::thread thread_;
};

TEST_F(DataStorageFeedTest, AConsumerHasEveryAcknowledgedEventOnceHoweverOftenThePodIsKilled) {
  start();
  testing::Pod other(server_.connect_options());
  testing::start_ready(other);
  std::atomic<std::uint16_t> port = pod_.api_port();
  const std::uint16_t of_other = other.api_port();
  testing::Load load(port);
  Consumer consumer([&](int turn) { return turn % 2 == 0 ? port.load() : of_other; });
  for (int kill = 0; kill < 4; ++kill) {
    ASSERT_TRUE(load.sees(201, 100)) << pod_.log();
    if (kill == 2) {
      server_.stop();
      ASSERT_TRUE(load.sees(202, 50)) << pod_.log();
    }
    pod_.signal(SIGKILL);
    EXPECT_EQ(pod_.wait(), 128 + SIGKILL);
    pod_.start();
    port = pod_.api_port();
    load.send_to(port);
    if (kill == 2) {
      ASSERT_TRUE(load.sees(202, 20)) << pod_.log();
      server_.start();
    }
  }
  ASSERT_TRUE(load.sees(201, 50)) << pod_.log();
  load.stop();
  ASSERT_TRUE(eventually([&] {
    return pod_.metric("storagepool_journal_waiting_events") == 0 && pod_.ready();
  })) << pod_.log();
  const std::string stored = server_.superuser("SELECT count(*) FROM audit_events", "audit").at(0);
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_size") == std::stod(stored); }))
      << pod_.log();
  consumer.finish();
  EXPECT_THAT(consumer.wrong(), IsEmpty());
  EXPECT_GT(consumer.repeats(), 0);
  EXPECT_THAT(load.lost_or_doubled(server_), IsEmpty());
  std::set<std::string> ids;
  for (const std::string& id : server_.superuser("SELECT event_id FROM audit_events", "audit"))
    ids.insert(id);
  EXPECT_EQ(consumer.ids(), ids);
}

}  // namespace
}  // namespace storagepool::service
