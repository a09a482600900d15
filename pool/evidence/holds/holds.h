// The room of legal holds: who keeps the events of a correlation until a matter is closed, whatever their
// term says. A hold keeps the events that are there when it is placed and those that come later. Several may
// stand for one correlation, each for a matter of its own; its events go when the last is released.
//
// A deletion never races a hold: one that is placed counts its events under a lock that whoever deletes or
// drops needs for itself (pool/tables/retention.h), so what it has counted is there until it is released.
//
// Every call is one transaction on a connection outside of one, until `deadline`. After an error none is
// open; where the connection was lost, whether it took place is not known.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/timestamp.h"
#include "pool/postgres/connection.h"

namespace storagepool::evidence {

inline constexpr std::int64_t kMaxHolds = 10'000;  // that stand at once, in one database

struct Hold {
  std::string id{};  // a UUID
  std::string correlation_id{};
  std::string reason{};
  std::string placed_by{};
  runtime::Timestamp placed_at{};  // by the server's clock
  std::int64_t events = 0;         // that were there by then
};

struct NewHold {
  std::string correlation_id{};
  std::string reason{};
  std::string placed_by{};
};
enum class NotPlaced { kNoEvents, kTooMany };
using PlacedHold = tl::expected<Hold, NotPlaced>;
boost::asio::awaitable<tl::expected<PlacedHold, postgres::Error>> place_hold(postgres::Connection& connection,
                                                                             NewHold wanted,
                                                                             postgres::Deadline deadline);

// Of those that stand, newest first.
struct Holds {
  std::vector<Hold> holds{};
  std::int64_t total = 0;
};
boost::asio::awaitable<tl::expected<Holds, postgres::Error>> list_holds(postgres::Connection& connection,
                                                                        std::int64_t limit,
                                                                        std::int64_t offset,
                                                                        postgres::Deadline deadline);

// Of each of these correlations that has one the hold that has stood for longest.
boost::asio::awaitable<tl::expected<std::map<std::string, Hold>, postgres::Error>> holds_of(
    postgres::Connection& connection, std::span<const std::string> correlation_ids,
    postgres::Deadline deadline);

struct Release {
  std::string correlation_id{};
  std::optional<std::string> hold_id{};  // a UUID; no value: all that stand for the correlation
  std::string released_by{};
  std::string reason{};
};
struct Released {
  std::vector<std::string> hold_ids{};
  runtime::Timestamp released_at{};
  std::int64_t events = 0;  // that no hold keeps from now on
};
// No value: none stands.
boost::asio::awaitable<tl::expected<std::optional<Released>, postgres::Error>> release_holds(
    postgres::Connection& connection, Release wanted, postgres::Deadline deadline);

}  // namespace storagepool::evidence
