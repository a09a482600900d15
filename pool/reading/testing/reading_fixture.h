// A test with a reader and an ingest on a migrated database, see migrated_database.h.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "pool/common/runtime/clock.h"
#include "pool/engine/engine.h"
#include "pool/event/testing/smallest_event.h"
#include "pool/event/uuid.h"
#include "pool/ingest/ingest.h"
#include "pool/reading/reading.h"
#include "pool/tables/testing/migrated_database.h"

namespace storagepool::reading::testing {

// Stands still, so that events of the tests stay in their terms of retention.
class StandingClock : public runtime::Clock {
 public:
  runtime::TimePoint now() const override { return runtime::steady_now(); }
  runtime::Timestamp wall() const override { return wall_; }
  void stand_at(const std::string& time) { wall_ = *runtime::parse_timestamp(time); }

 private:
  runtime::Timestamp wall_ = *runtime::parse_timestamp("2020-03-02T00:00:00Z");
};

class ReadingFixture : public tables::testing::MigratedDatabaseTest {
 protected:
  void TearDown() override {
    EXPECT_TRUE(postgres::testing::run(context_, ingest_.drain(deadline())));
    EXPECT_TRUE(postgres::testing::run(context_, engine_.drain(deadline())));
  }

  static event::Event smallest(const std::string& time = "2026-02-28T11:22:33.123456Z") {
    return event::testing::smallest_event(event::new_event_id(*runtime::parse_timestamp(time)), time);
  }
  // As if a client had made the id.
  ingest::Answer insert(event::Event event) {
    event.id_from_client = true;
    std::vector<event::Event> unit;
    unit.push_back(std::move(event));
    return postgres::testing::run(context_, ingest_.store("audit", std::move(unit), deadline()));
  }
  void must_insert(const event::Event& event) {
    const auto stored = insert(event);
    ASSERT_TRUE(stored) << stored.error().detail;
    ASSERT_TRUE(stored->at(0).created);
  }
  tl::expected<std::optional<event::Event>, tables::StoreError> get(const std::string& event_id) {
    return postgres::testing::run(context_, reader_.get("audit", event_id, deadline()));
  }
  tl::expected<Page, tables::StoreError> try_list(const ListQuery& query) {
    return postgres::testing::run(context_, reader_.list("audit", query, deadline()));
  }
  Page list(const ListQuery& query) {
    auto page = try_list(query);
    if (!page) throw std::runtime_error(page.error().detail);
    return std::move(*page);
  }
  static std::vector<std::string> ids_of(const std::vector<event::Event>& events) {
    std::vector<std::string> result;
    for (const event::Event& event : events) result.push_back(event.event_id);
    return result;
  }
  std::vector<std::string> ids(const ListQuery& query) { return ids_of(list(query).events); }
  static std::string count() { return superuser("SELECT count(*) FROM audit_events").at(0); }

  engine::Engine engine_{context_.get_executor(), [] { return server_->connect_options(); }, "audit", {}, {}};
  StandingClock clock_;
  Reader reader_{engine_, "audit", clock_};
  ingest::Ingest ingest_{context_.get_executor(), engine_};
};

}  // namespace storagepool::reading::testing
