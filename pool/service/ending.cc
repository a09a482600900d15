#include "pool/service/ending.h"

#include <algorithm>
#include <utility>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/log.h"
#include "pool/common/settings/duration.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using std::chrono::milliseconds;

// Kept of the drain timeout for closing the journal and the sessions after the last request was answered.
constexpr milliseconds kJournalShare{2000};
constexpr milliseconds kEngineShare{2000};
constexpr milliseconds kFloorsPatience{1000};

}  // namespace

Ending::Ending(boost::asio::any_io_executor executor, const Options& options, EndingParts parts,
               std::function<void()> ended)
    : executor_(executor),
      options_(options),
      parts_(parts),
      ended_(std::move(ended)),
      signal_(
          executor, [this](int signal) { stop(signal); }, options.drain_delay.count() > 0 ? 2 : 1),
      delay_ends_(std::move(executor)) {}

void Ending::stop(int signal) {
  if (begun_) {
    in_haste_ = true;
    delay_ends_.notify_all();
    return;
  }
  log::info("draining", {{"signal", signal},
                         {"delay", settings::format_duration(options_.drain_delay)},
                         {"timeout", settings::format_duration(options_.drain_timeout)}});
  begun_ = true;
  runtime::spawn(executor_, "ending", run());
}

awaitable<void> Ending::run() {
  const auto delay_until = runtime::steady_now() + options_.drain_delay;
  parts_.api.close_after_answers(true);
  while (runtime::steady_now() < delay_until && !in_haste_) co_await delay_ends_.wait_until(delay_until);
  signal_.cancel();

  const auto began = runtime::steady_now();
  const auto deadline = began + options_.drain_timeout;
  const bool clean = co_await drain(deadline);
  clean_ = clean;
  const auto end = std::max(deadline, runtime::steady_now() + milliseconds{100});
  for (http::Server* server : parts_.others) co_await server->drain(end);
  log::info("drained", {{"clean", clean_},
                        {"seconds", std::chrono::duration<double>(runtime::steady_now() - began).count()}});
  ended_();
}

awaitable<bool> Ending::drain(TimePoint deadline) {
  const auto share = std::chrono::duration_cast<milliseconds>(options_.drain_timeout) / 4;
  const auto engine_begins = deadline - std::min(kEngineShare, share);
  const auto journal_begins = engine_begins - std::min(kJournalShare, share);
  parts_.background.stop();
  parts_.log.stop();
  parts_.workspace_logs.stop();
  const bool answered = co_await parts_.api.drain(journal_begins);
  if (parts_.replay) co_await parts_.replay->stop(journal_begins);
  parts_.monitor.stop();
  parts_.workspaces.stop();
  const bool stored = co_await parts_.ingest.drain(journal_begins);
  const bool kept = co_await close_journal(engine_begins);
  co_await parts_.workspace_logs.leave_floors(
      std::min(engine_begins, runtime::steady_now() + kFloorsPatience));
  const bool closed = co_await parts_.engine.drain(deadline);
  co_return answered&& stored&& kept&& closed;
}

awaitable<bool> Ending::close_journal(TimePoint deadline) {
  if (!parts_.journal) co_return true;
  const auto closed = co_await parts_.journal->close(deadline);
  if (!closed) log::error("the journal could not be closed", {{"detail", closed.error().detail}});
  co_return closed.has_value();
}

}  // namespace storagepool::service
