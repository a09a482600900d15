#include "pool/service/audit_routes.h"
#include "pool/service/service_metrics.h"

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

TEST(RouteLabel, is_one_of_a_fixed_set) {
  EXPECT_EQ(route_label("/api/v1/audit/events"), "/api/v1/audit/events");
  EXPECT_EQ(route_label("/api/v1/audit/events/x"), "/api/v1/audit/events/{event_id}");
  for (const char* other : {"", "/", "/api/v1/audit/events/", "/api/v1/audit/events/x/y",
                            "/api/v1/audit/eventsx", "/api/v1/audit/event", "/metrics"}) {
    EXPECT_EQ(route_label(other), "other") << other;
  }
}

TEST(ServiceMetrics, exposes_the_pool_and_never_steps_back) {
  ServiceMetrics metrics;
  engine::Statistics statistics;
  statistics.max_open = 16;
  statistics.in_use = 3;
  statistics.wait_count = 5;
  statistics.wait_duration = std::chrono::milliseconds{1500};
  metrics.event_stored();
  std::string text = metrics.expose(statistics);
  for (const char* line :
       {"storagepool_pool_max_open 16\n", "storagepool_pool_in_use 3\n",
        "storagepool_pool_wait_count_total 5\n", "storagepool_pool_wait_seconds_total 1.5\n",
        "storagepool_events_stored_total 1\n", "storagepool_pool_max_idle_closed_total 0\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
  statistics.wait_count = 7;
  statistics.in_use = 0;
  text = metrics.expose(statistics);
  EXPECT_NE(text.find("storagepool_pool_wait_count_total 7\n"), std::string::npos);
  EXPECT_NE(text.find("storagepool_pool_in_use 0\n"), std::string::npos);
}

}  // namespace
}  // namespace storagepool::service
