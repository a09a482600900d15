// Erasure of what an event holds: event_data and error_message, in one stored event. All else of it stays,
// and its digests (pool/event/erasure.h), so that the log proves it as before.
#pragma once

#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/event/erasure.h"
#include "pool/event/event.h"
#include "pool/postgres/connection.h"

namespace storagepool::evidence {

enum class Erased {
  kDone,
  kHeld,     // a legal hold keeps it as it is
  kChanged,  // it is gone, or not as it was given
};

// One transaction on a connection outside of one, beside which no hold is placed. `event` is as it is stored.
boost::asio::awaitable<tl::expected<Erased, postgres::Error>> erase_payload(postgres::Connection& connection,
                                                                            event::Event event,
                                                                            event::Erasure erasure,
                                                                            postgres::Deadline deadline);

}  // namespace storagepool::evidence
