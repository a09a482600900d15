// PostgreSQL as the recording sees it: something that takes the events of a call, or is known not to now.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>

#include "pool/event/shared_events.h"
#include "pool/ingest/ingest.h"

namespace storagepool::recording {

class EventStore {
 public:
  using Deadline = ingest::Ingest::Deadline;
  using GiveUpAt = ingest::Ingest::GiveUpAt;
  virtual ~EventStore() = default;
  // All of the events or none; see Ingest::store.
  virtual boost::asio::awaitable<ingest::Answer> store(std::string database, event::SharedEvents unit,
                                                       Deadline deadline, GiveUpAt give_up_at) = 0;
  // See Ingest; one listener.
  using OnOutcome = ingest::Ingest::OnOutcome;
  virtual void on_outcome(OnOutcome listener) = 0;
  virtual double fill(const std::string& database) const = 0;
  // True while PostgreSQL is known not to take events, so that trying would only cost time.
  virtual bool away() const = 0;
};

// By the ingest, which must outlive this.
class IngestStore final : public EventStore {
 public:
  IngestStore(ingest::Ingest& ingest, std::function<bool()> away) : ingest_(ingest), away_(std::move(away)) {}
  boost::asio::awaitable<ingest::Answer> store(std::string database, event::SharedEvents unit,
                                               Deadline deadline, GiveUpAt give_up_at) override {
    return ingest_.store(std::move(database), std::move(unit), deadline, std::move(give_up_at));
  }
  void on_outcome(OnOutcome listener) override { ingest_.on_outcome(std::move(listener)); }
  double fill(const std::string& database) const override { return ingest_.fill(database); }
  bool away() const override { return away_(); }

 private:
  ingest::Ingest& ingest_;
  std::function<bool()> away_;
};

}  // namespace storagepool::recording
