#include "pool/service/audit_routes.h"
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

TEST(IsJsonContent, takes_json_in_utf8_only) {
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

boost::asio::awaitable<http::Response> answer(http::Request) {
  co_return http::Response();
}

TEST(ServiceMetrics, counts_requests_by_pattern_and_never_by_what_clients_send) {
  ServiceMetrics metrics;
  http::Router router;
  router.add("GET", "/events/{event_id}", answer);
  const http::Handler handler = metrics.counted(router, router.handler());
  boost::asio::io_context loop;
  for (const auto& [method, path] : {std::pair{"GET", "/events/1"}, std::pair{"GET", "/events/2"},
                                     std::pair{"BREW", "/events/2"}, std::pair{"GET", "/no/such/path"}}) {
    http::Request request;
    request.method = method;
    request.path = path;
    boost::asio::co_spawn(loop, handler(std::move(request)), boost::asio::use_future);
  }
  loop.run();
  const std::string text = metrics.expose({});
  for (const char* line : {"{method=\"GET\",route=\"/events/{event_id}\",status=\"200\"} 2\n",
                           "{method=\"other\",route=\"/events/{event_id}\",status=\"405\"} 1\n",
                           "{method=\"GET\",route=\"other\",status=\"404\"} 1\n"}) {
    EXPECT_NE(text.find(std::string("storagepool_http_requests_total") + line), std::string::npos)
        << line << "\n"
        << text;
  }
  EXPECT_EQ(text.find("such"), std::string::npos);
  EXPECT_EQ(text.find("BREW"), std::string::npos);
}

TEST(ServiceMetrics, exposes_the_pool_and_never_steps_back) {
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

TEST(ServiceMetrics, exposes_the_journal) {
  ServiceMetrics metrics;
  Snapshot now;
  now.now = audit::Timestamp(std::chrono::seconds{1000});
  now.journal.emplace();
  now.journal->waiting.events = 7;
  now.journal->oldest = now.now - std::chrono::milliseconds{2500};
  now.journal->replayed.events = 3;
  now.journal->poison.units = 1;
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
