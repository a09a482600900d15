// What time alone ends: connections that are too old, or were unused for too long.
#include <algorithm>
#include <type_traits>

#include "pool/engine/core/core.h"

namespace storagepool::engine {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TimePoint Core::lifetime_end(const Connection& connection) const {
  if (settings_.conn_max_lifetime.count() == 0) return TimePoint::max();
  static_assert(std::is_same_v<decltype(settings_.conn_max_lifetime), milliseconds>);
  return connection.opened_at +
         microseconds(settings_.conn_max_lifetime.count() * connection.lifetime_permille);
}

// Of an idle connection, if it is the least recently used.
TimePoint Core::idle_time_end(std::uint32_t connection) const {
  const TimePoint since = eviction_.idle_since(connection);
  TimePoint end = TimePoint::max();
  if (settings_.conn_max_idle_time.count() > 0) end = since + settings_.conn_max_idle_time;
  if (idle_size() > kept_idle()) end = std::min(end, since + settings_.surplus_idle_time);
  return end;
}

void Core::close_unused(TimePoint now) {
  idle_time_check_ = TimePoint::max();
  for (auto oldest = eviction_.least_recently_used(); oldest != kNone;
       oldest = eviction_.least_recently_used()) {
    const bool surplus = idle_size() > kept_idle();
    if (const TimePoint end = idle_time_end(oldest); end > now && !(surplus && draining_)) {
      idle_time_check_ = end;
      break;
    }
    leave_idle(oldest);
    close(oldest);
    if (!draining_) ++(surplus ? statistics_.max_idle_closed : statistics_.max_idle_time_closed);
  }
}

void Core::close_expired(TimePoint now) {
  if (idle_time_check_ <= now) close_unused(now);
  if (lifetime_check_ > now) return;
  lifetime_check_ = TimePoint::max();
  close_idle_if([&](std::uint32_t index) {
    const TimePoint end = lifetime_end(connections_[index]);
    if (end > now) {
      lifetime_check_ = std::min(lifetime_check_, end);
      return false;
    }
    ++statistics_.max_lifetime_closed;
    return true;
  });
}

}  // namespace storagepool::engine
