// An EventStore that keeps nothing and answers as a test wants it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pool/recording/event_store.h"

namespace storagepool::recording::testing {

class FakeEventStore : public EventStore {
 public:
  boost::asio::awaitable<ingest::Answer> store(std::string database, event::SharedEvents unit,
                                               Deadline deadline, GiveUpAt give_up_at) override {
    stored_in.push_back(std::move(database));
    last_deadline = deadline;
    if (give_up_at) last_given_up_at = give_up_at();
    if (meanwhile) meanwhile();
    if (outcome) outcome(stored_in.back(), error ? &*error : nullptr);
    if (error) co_return tl::unexpected(*error);
    std::vector<ingest::Stored> all;
    for (const event::Event& event : *unit) all.push_back({event.event_timestamp, true});
    co_return all;
  }
  bool away() const override { return is_away; }
  double fill(const std::string&) const override { return filled; }
  void on_outcome(OnOutcome listener) override { outcome = std::move(listener); }

  bool is_away = false;
  std::optional<tables::StoreError> error;
  std::vector<std::string> stored_in;  // databases, in the order of the calls
  Deadline last_deadline;
  std::optional<Deadline> last_given_up_at;
  std::function<void()> meanwhile;  // while a call waits
  double filled = 0;
  OnOutcome outcome;
};

}  // namespace storagepool::recording::testing
