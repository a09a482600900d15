#include "pool/service/routes/audit.h"
#include "pool/service/service_metrics.h"

#include <chrono>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

namespace storagepool::service {
namespace {

TEST(IsJsonContent, TakesJsonInUtf8Only) {
  for (const char* good :
       {"application/json", "Application/JSON", "application/json; charset=utf-8",
        "application/json;charset=UTF-8", "application/json ; charset=\"utf-8\"", "application/json;"}) {
    EXPECT_TRUE(is_json_content(good)) << good;
  }
  for (const char* bad : {"", "text/plain", "application/jsonx", "application/json; charset=latin1",
                          "application/json; charset=utf-8; x=y", "application/problem+json", "json", ";"}) {
    EXPECT_FALSE(is_json_content(bad)) << bad;
  }
}

boost::asio::awaitable<http::Response> answer(http::Request&) {
  co_return http::Response();
}

TEST(ServiceMetrics, CountsRequestsByPatternAndNeverByWhatClientsSend) {
  ServiceMetrics metrics;
  http::Router router;
  router.add("GET", "/events/{event_id}", answer);
  const http::Handler handler = metrics.counted(router, router.handler());
  for (const auto& [method, path] : {std::pair{"GET", "/events/1"}, std::pair{"GET", "/events/2"},
                                     std::pair{"BREW", "/events/2"}, std::pair{"GET", "/no/such/path"}}) {
    http::Request request;
    request.method = method;
    request.path = path;
    boost::asio::io_context loop;
    boost::asio::co_spawn(loop, handler(request), boost::asio::use_future);
    loop.run();
  }
  const std::string text = metrics.expose({});
  for (const char* line : {"{method=\"GET\",route=\"/events/{event_id}\",status=\"200\"} 2\n",
                           "{method=\"other\",route=\"/events/{event_id}\",status=\"405\"} 1\n",
                           "{method=\"GET\",route=\"other\",status=\"404\"} 1\n"}) {
    EXPECT_NE(text.find(std::string("storagepool_http_requests_total") + line), std::string::npos)
        << line << "\n"
        << text;
  }
  EXPECT_NE(
      text.find(
          "storagepool_http_request_duration_seconds_count{method=\"GET\",route=\"/events/{event_id}\"} 2\n"),
      std::string::npos)
      << text;
  EXPECT_EQ(text.find("such"), std::string::npos);
  EXPECT_EQ(text.find("BREW"), std::string::npos);
}

TEST(ServiceMetrics, ExposesThePoolAndNeverStepsBack) {
  ServiceMetrics metrics;
  Snapshot now;
  now.pool.max_open = 16;
  now.pool.in_use = 3;
  now.pool.wait_count = 5;
  now.pool.wait_duration = std::chrono::milliseconds{1500};
  now.workspace_databases = 2;
  now.ingest.load.events = 4;
  now.ingest.counters.events = 1;
  std::string text = metrics.expose(now);
  for (const char* line :
       {"storagepool_pool_max_open 16\n", "storagepool_pool_in_use 3\n",
        "storagepool_pool_wait_count_total 5\n", "storagepool_pool_wait_seconds_total 1.5\n",
        "storagepool_events_stored_total 1\n", "storagepool_pool_max_idle_closed_total 0\n",
        "storagepool_workspace_databases_active 2\n", "storagepool_ingest_queued_events 4\n",
        "storagepool_journal_waiting_events 0\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
  now.pool.wait_count = 7;
  now.pool.in_use = 0;
  text = metrics.expose(now);
  EXPECT_NE(text.find("storagepool_pool_wait_count_total 7\n"), std::string::npos);
  EXPECT_NE(text.find("storagepool_pool_in_use 0\n"), std::string::npos);
}

// Whether the exposition has this line.
bool has(const std::string& text, const std::string& line) {
  return text.find("\n" + line + "\n") != std::string::npos;
}

TEST(ServiceMetrics, ExposesBatchesAsHistogramsThatGrow) {
  ServiceMetrics metrics;
  Snapshot now;
  std::string text = metrics.expose(now);
  EXPECT_TRUE(has(text, "storagepool_ingest_batch_events_count 0")) << text;
  for (const double events : {1.0, 3.0, 5.0, 500.0, 501.0}) now.ingest.counters.batch_events.observe(events);
  for (const double seconds : {0.0009765625, 0.25, 0.25}) now.ingest.counters.batch_seconds.observe(seconds);
  metrics.expose(now);
  now.ingest.counters.batch_events.observe(2);
  now.ingest.counters.batch_seconds.observe(20);
  text = metrics.expose(now);
  for (const char* line :
       {"# TYPE storagepool_ingest_batch_events histogram", "storagepool_ingest_batch_events_count 6",
        "storagepool_ingest_batch_events_sum 1012", "storagepool_ingest_batch_events_bucket{le=\"1\"} 1",
        "storagepool_ingest_batch_events_bucket{le=\"2\"} 2",
        "storagepool_ingest_batch_events_bucket{le=\"5\"} 4",
        "storagepool_ingest_batch_events_bucket{le=\"200\"} 4",
        "storagepool_ingest_batch_events_bucket{le=\"500\"} 5",
        "storagepool_ingest_batch_events_bucket{le=\"+Inf\"} 6",
        "# TYPE storagepool_ingest_batch_duration_seconds histogram",
        "storagepool_ingest_batch_duration_seconds_count 4",
        "storagepool_ingest_batch_duration_seconds_sum 20.5009765625",
        "storagepool_ingest_batch_duration_seconds_bucket{le=\"0.001\"} 1",
        "storagepool_ingest_batch_duration_seconds_bucket{le=\"0.5\"} 3",
        "storagepool_ingest_batch_duration_seconds_bucket{le=\"10\"} 3",
        "storagepool_ingest_batch_duration_seconds_bucket{le=\"+Inf\"} 4"}) {
    EXPECT_TRUE(has(text, line)) << line << "\n" << text;
  }
}

TEST(ServiceMetrics, ExposesEachSettingOnceAsItIsInForce) {
  ServiceMetrics metrics;
  Snapshot now;
  std::string text = metrics.expose(now);
  EXPECT_TRUE(has(text, R"(storagepool_pool_setting_info{key="connMaxLifetime",value="5m"} 1)")) << text;
  EXPECT_TRUE(has(text, R"(storagepool_pool_setting_info{key="maxOpenConns",value="25"} 1)")) << text;
  now.settings.max_open_conns = 9;
  text = metrics.expose(now);
  EXPECT_TRUE(has(text, R"(storagepool_pool_setting_info{key="maxOpenConns",value="9"} 1)")) << text;
  for (const settings::Setting& setting : settings::table()) {
    const std::string sample = "storagepool_pool_setting_info{key=\"" + std::string(setting.key) + "\"";
    const std::size_t first = text.find(sample);
    ASSERT_NE(first, std::string::npos) << sample;
    EXPECT_EQ(text.find(sample, first + 1), std::string::npos) << text;
  }
}

TEST(ServiceMetrics, ExposesTheServerOnceItIsKnown) {
  ServiceMetrics metrics;
  EXPECT_EQ(metrics.expose({}).find("storagepool_postgres_info{"), std::string::npos);
  Snapshot now;
  now.server_version = 150008;
  now.encoding = "UTF8";
  now.upkeep = {.locks_needed = 70, .locks_available = 6400, .indexes_left = 3};
  const std::string text = metrics.expose(now);
  for (const char* line : {R"(storagepool_postgres_info{encoding="UTF8",version="150008"} 1)",
                           "storagepool_postgres_locks_needed 70",
                           "storagepool_postgres_locks_available 6400", "storagepool_event_indexes_left 3"}) {
    EXPECT_TRUE(has(text, line)) << line << "\n" << text;
  }
}

TEST(ServiceMetrics, ExposesWorkspacesOnlyWhileTheirNumberIsKnown) {
  ServiceMetrics metrics;
  EXPECT_FALSE(has(metrics.expose({}), "storagepool_workspaces{state=\"ready\"} 0"));
  for (const std::int64_t ready : {7, 8}) {
    Snapshot now;
    now.workspaces = {.creating = 1, .ready = ready, .deleting = 0};
    const std::string text = metrics.expose(now);
    EXPECT_TRUE(has(text, "storagepool_workspaces{state=\"creating\"} 1")) << text;
    EXPECT_TRUE(has(text, "storagepool_workspaces{state=\"ready\"} " + std::to_string(ready))) << text;
    EXPECT_TRUE(has(text, "storagepool_workspaces{state=\"deleting\"} 0")) << text;
    EXPECT_EQ(metrics.expose({}).find("storagepool_workspaces{"), std::string::npos);
  }
}

TEST(ServiceMetrics, CountsRefusalsByServerAndReasonFromZero) {
  ServiceMetrics metrics;
  const auth::OnRefused api = metrics.refusals("api");
  const auth::OnRefused admin = metrics.refusals("admin");
  for (int i = 0; i < 2; ++i) api(auth::Refusal::kExpiredToken);
  admin(auth::Refusal::kMissingHeader);
  Snapshot now;
  now.http.rate_limited = 3;
  const std::string text = metrics.expose(now);
  EXPECT_TRUE(has(text, "storagepool_http_rate_limited_total 3")) << text;
  for (const char* server : {"api", "admin"}) {
    for (const char* reason : {"missing", "malformed", "invalid", "expired", "forbidden"}) {
      const bool expired = server == std::string("api") && reason == std::string("expired");
      const bool missing = server == std::string("admin") && reason == std::string("missing");
      const std::string labels = std::string("{reason=\"") + reason + "\",server=\"" + server + "\"} ";
      const std::string value = expired ? "2" : missing ? "1" : "0";
      EXPECT_TRUE(has(text, "storagepool_http_auth_refused_total" + labels + value)) << labels << text;
    }
  }
}

TEST(ServiceMetrics, ExposesWhetherThePodTakesTraffic) {
  const auto each = {std::pair{"storagepool_ready", &Snapshot::ready},
                     std::pair{"storagepool_postgres_usable", &Snapshot::postgres_usable},
                     std::pair{"storagepool_journal_takes_events", &Snapshot::journal_takes_events},
                     std::pair{"storagepool_leaving", &Snapshot::leaving}};
  ServiceMetrics metrics;
  for (const auto& [name, member] : each) {
    Snapshot now;
    now.*member = true;
    const std::string text = metrics.expose(now);
    for (const auto& [other, ignored] : each) {
      EXPECT_TRUE(has(text, std::string(other) + (other == name ? " 1" : " 0"))) << text;
    }
  }
}

TEST(ServiceMetrics, ExposesTheJournal) {
  ServiceMetrics metrics;
  Snapshot now;
  now.now = runtime::Timestamp(std::chrono::seconds{1000});
  now.journal.emplace();
  now.journal->waiting.events = 7;
  now.journal->oldest = now.now - std::chrono::milliseconds{2500};
  now.journal->replayed.events = 3;
  now.journal->aside.units = 1;
  now.journal->used = 0.5;
  const std::string text = metrics.expose(now);
  for (const char* line :
       {"storagepool_journal_waiting_events 7\n", "storagepool_journal_oldest_age_seconds 2.5\n",
        "storagepool_journal_replayed_events_total 3\n", "storagepool_journal_set_aside_units 1\n",
        "storagepool_journal_used_ratio 0.5\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
}

}  // namespace
}  // namespace storagepool::service
