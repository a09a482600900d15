// A test with a store and an ingest on a migrated database, see migrated_database.h.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "pool/audit/ingest.h"
#include "pool/audit/store.h"
#include "pool/audit/testing/migrated_database.h"
#include "pool/audit/testing/smallest_event.h"
#include "pool/audit/uuid.h"
#include "pool/engine/engine.h"

namespace storagepool::audit::testing {

class StoreFixture : public MigratedDatabaseTest {
 protected:
  void TearDown() override {
    EXPECT_TRUE(postgres::testing::run(context_, ingest_.drain(deadline())));
    EXPECT_TRUE(postgres::testing::run(context_, engine_.drain(deadline())));
  }

  static Event smallest(const std::string& time = "2026-02-28T11:22:33.123456Z") {
    return smallest_event(new_event_id(*parse_timestamp(time)), time);
  }
  // As if a client had made the id.
  IngestAnswer insert(Event event) {
    event.id_from_client = true;
    return postgres::testing::run(context_, ingest_.store("audit", {std::move(event)}, deadline()));
  }
  void must_insert(const Event& event) {
    const auto stored = insert(event);
    ASSERT_TRUE(stored) << stored.error().detail;
    ASSERT_TRUE(stored->at(0).created);
  }
  tl::expected<std::optional<Event>, StoreError> get(const std::string& event_id) {
    return postgres::testing::run(context_, store_.get("audit", event_id, deadline()));
  }
  tl::expected<Page, StoreError> try_list(const ListQuery& query) {
    return postgres::testing::run(context_, store_.list("audit", query, deadline()));
  }
  Page list(const ListQuery& query) {
    auto page = try_list(query);
    if (!page) throw std::runtime_error(page.error().detail);
    return std::move(*page);
  }
  static std::vector<std::string> ids_of(const std::vector<Event>& events) {
    std::vector<std::string> result;
    for (const Event& event : events) result.push_back(event.event_id);
    return result;
  }
  std::vector<std::string> ids(const ListQuery& query) { return ids_of(list(query).events); }
  static std::string count() { return superuser("SELECT count(*) FROM audit_events").at(0); }

  engine::Engine engine_{context_.get_executor(), [] { return server_->connect_options(); }, "audit", {}, {}};
  Store store_{engine_};
  Ingest ingest_{context_.get_executor(), engine_};
};

}  // namespace storagepool::audit::testing
