// Whether what this pod was told is committed gets into the log: between its commit and its seal a batch can
// be deleted, hidden, or less of it kept, and only who wrote it knows. What it seals itself it has seen get
// there; for the rest it has to look. The decision is pure; `audit_self` reads the rows that it needs.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/evidence/sealing/sealing.h"
#include "pool/postgres/connection.h"

namespace storagepool::evidence {

// What the tables say of one.
struct FoundBatch {
  std::optional<std::int64_t> sealed{};  // events that its seal counts; no value: no seal names it
  bool there = false;                    // its row
  bool waits = false;                    // its row is where the log comes to
  std::optional<std::string> kept{};
};

class SelfAudit {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kGrace{60};     // for what the log has passed
  static constexpr std::size_t kMaxWaiting = 100'000;   // beyond, the oldest are given up, unchecked
  static constexpr std::size_t kAtOnce = 1'000;         // by one look
  static constexpr std::chrono::seconds kLookAfter{3};  // most are sealed before

  void acknowledged(BatchEvents batch, TimePoint now);
  // By this pod, and the COMMIT was acknowledged: these need not be looked for. Alarms as below.
  std::vector<Alarm> sealed(std::span<const BatchEvents> batches);

  // Whether there are some to be looked for: the oldest has waited for long enough.
  bool is_due(TimePoint now) const;
  // Ids of those that are to be looked for, those that were looked for last at the end.
  std::vector<std::int64_t> wanted() const;
  // What a look for them has shown. An alarm is given once: kAlteredBatch, kMissingBatch.
  std::vector<Alarm> looked(const std::unordered_map<std::int64_t, FoundBatch>& found, TimePoint now);

  std::size_t waiting() const { return waiting_.size(); }
  std::uint64_t unchecked() const { return unchecked_; }

 private:
  struct Waiting {
    BatchEvents batch{};
    TimePoint since{};
  };
  std::map<std::int64_t, Waiting> waiting_;                             // by id, and with that by age
  std::int64_t looked_for_ = std::numeric_limits<std::int64_t>::min();  // last
  std::uint64_t unchecked_ = 0;
};

// Looks for some of what waits, over a connection outside a transaction.
boost::asio::awaitable<tl::expected<std::vector<Alarm>, postgres::Error>> audit_self(
    SelfAudit& audit, postgres::Connection& connection, SelfAudit::TimePoint now,
    postgres::Deadline deadline);

}  // namespace storagepool::evidence
