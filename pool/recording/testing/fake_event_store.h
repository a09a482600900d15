// An EventStore that keeps nothing and answers as a test wants it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pool/recording/event_store.h"

namespace storagepool::recording::testing {

class FakeEventStore : public EventStore {
 public:
  boost::asio::awaitable<ingest::Answer> store(std::string database, std::vector<event::Event> unit,
                                               Deadline deadline) override {
    stored_in.push_back(std::move(database));
    last_deadline = deadline;
    if (error) co_return tl::unexpected(*error);
    std::vector<ingest::Stored> all;
    for (const event::Event& event : unit) all.push_back({event.event_timestamp, true});
    co_return all;
  }
  bool away() const override { return is_away; }

  bool is_away = false;
  std::optional<tables::StoreError> error;
  std::vector<std::string> stored_in;  // databases, in the order of the calls
  Deadline last_deadline;
};

}  // namespace storagepool::recording::testing
