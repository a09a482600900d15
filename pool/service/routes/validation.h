// Reads events out of the bodies of requests: what is large on a thread of its own, so that who sends it
// keeps nobody else waiting.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/timestamp.h"
#include "pool/event/idempotency.h"
#include "pool/event/validate.h"

namespace storagepool::service {

class Validation {
 public:
  // At most about a millisecond of the loop's time, also for what only the exact JSON reader can tell.
  static constexpr std::size_t kAtOnce = std::size_t{128} * 1024;

  using Events = tl::expected<std::vector<event::Event>, event::FieldErrors>;

  // The events of a call as event::validate_event and event::validate_batch give them. What waits is bounded
  // by the bodies that the server holds.
  boost::asio::awaitable<Events> read(event::Call call, std::string body, runtime::Timestamp now,
                                      event::TimeLimits limits);

 private:
  std::optional<boost::asio::thread_pool> large_;  // as soon as something is
};

}  // namespace storagepool::service
