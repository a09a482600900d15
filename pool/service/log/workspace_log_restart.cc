// How the log of a workspace that was rolled back goes on, once somebody has said so.
#include <algorithm>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "pool/common/runtime/log.h"
#include "pool/common/tlog/epochs.h"
#include "pool/service/log/workspace_logs.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using Did = evidence::SealingResult::Did;
using Restarted = tl::expected<RestartedLog, std::string>;

// As others or this pod have shown it last.
evidence::Floor last_shown(const WorkspaceLog& log) {
  const auto place = [](const evidence::Floor& one) { return std::tuple(one.epoch, one.size); };
  const evidence::Floor told = log.floor.value_or(evidence::Floor{});
  const evidence::Floor seen = log.memory.publishing.shown().value_or(evidence::Floor{});
  return std::max(told, seen, [&](const auto& one, const auto& other) { return place(one) < place(other); });
}

}  // namespace

awaitable<Restarted> WorkspaceLogs::restart(recording::Destination place, bool only_look, Deadline deadline) {
  if (!key_) co_return tl::unexpected(std::string("there is no key of a log"));
  const auto log = book_.of(place.database);
  co_await look(log, deadline);
  if (!log->known || log->at_work)
    co_return tl::unexpected(std::string("the log cannot be looked at now, try again"));
  RestartedLog answer{.from = state_of(*log)};
  if (!log->refused) co_return answer;
  const AtWork work(*log);
  auto lease = co_await parts_.engine.acquire(log->database, deadline);
  if (!lease) co_return tl::unexpected(lease.error().detail);
  const auto key = key_;
  const std::string name = name_of(*log);
  const evidence::Floor before = last_shown(*log);
  const std::int64_t epoch = before.epoch + 1;
  evidence::Sealer sealer(name, std::span(&key->keys, 1), key->signer);
  remind(sealer, *log);
  const auto done = co_await sealer.restart(**lease, epoch, only_look, deadline);
  if (!done) co_return tl::unexpected(done.error().detail);
  if (done->did == Did::kBusy) co_return tl::unexpected(std::string("the log is being sealed, try again"));
  if (done->did == Did::kRefused) {
    answer.refusal = done->alarms.empty() ? log->alarm : done->alarms.back().detail;
    co_return answer;
  }
  if (done->did == Did::kNothing) co_return tl::unexpected(std::string("the log has changed, try again"));
  answer.restarted = true;
  answer.before = {tlog::epoch_origin(name, before.epoch), before.size, before.root};
  answer.from = {tlog::epoch_origin(name, epoch), done->size, {}};
  if (only_look) co_return answer;
  log->memory = sealer.memory();
  log->refused = false;
  log->alarm.clear();
  log::warn("the log of a workspace goes on in another epoch, as somebody has asked for",
            {{"database", log->database}, {"epoch", epoch}, {"entries", done->size}});
  co_await seal(log, **lease, true);
  std::vector<Log> begun{log};
  if (const auto failure = co_await raise_floors(std::move(begun), deadline)) failed(*log, *failure);
  co_return answer;
}

}  // namespace storagepool::service
