#include "operator/witness/live_witness.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "operator/kube/object.h"
#include "operator/render/render.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/log.h"

namespace storagepool::witness {
namespace {

namespace asio = boost::asio;

constexpr const char* kResults[] = {"cosigned", "unchanged", "refused", "inconsistent", "failed"};

runtime::Timestamp cosigned_at(const Floor& floor, const tlog::NoteKey& key) {
  const auto verified = key.verify(floor.note);
  return verified && verified->at ? runtime::Timestamp(*verified->at) : runtime::Timestamp();
}

}  // namespace

LiveWitness::LiveWitness(Parts parts)
    : parts_(std::move(parts)),
      answers_(prometheus::BuildCounter()
                   .Name("storagepool_log_witness_total")
                   .Help("Checkpoints of logs that the operator was told to cosign, by what came of it")
                   .Register(parts_.metrics.registry())),
      inconsistent_(prometheus::BuildGauge()
                        .Name("storagepool_logs_inconsistent")
                        .Help("Logs that do not continue what the operator has cosigned of them")
                        .Register(parts_.metrics.registry())
                        .Add({})),
      outside_({.metrics = parts_.metrics,
                .cosigned = [this](const kube::ObjectKey& pool, const std::string& checkpoint,
                                   const tlog::NoteSignature& by) { add_cosignature(pool, checkpoint, by); },
                .trusted = parts_.trusted}) {
  for (const char* result : kResults) answers_.Add({{"result", result}});
}

LiveWitness::~LiveWitness() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

std::string LiveWitness::uid_of(const kube::ObjectKey& pool) const {
  const kube::ObjectPtr object = parts_.storage_pool(pool);
  return object ? kube::metadata_string(*object, "uid") : "";
}

std::vector<render::LogWitness> LiveWitness::named(const kube::ObjectKey& pool) const {
  const kube::ObjectPtr object = parts_.storage_pool(pool);
  return object ? render::log_witnesses(*object) : std::vector<render::LogWitness>();
}

void LiveWitness::add_cosignature(const kube::ObjectKey& pool, const std::string& checkpoint,
                                  const tlog::NoteSignature& by) {
  {
    const std::lock_guard lock(mutex_);
    book_.cosigned(pool, checkpoint, by);
    due_ = true;
  }
  wake_.notify_all();
}

std::string LiveWitness::restart_of(const kube::ObjectKey& pool) const {
  const kube::ObjectPtr object = parts_.storage_pool(pool);
  return object ? kube::annotation(*object, kRestartAnnotation) : "";
}

// What was asked for is done, or is not to be done some day later, when nobody thinks of it.
void LiveWitness::forget_restart(const kube::ObjectKey& pool, bool restarted) {
  const kube::ObjectPtr object = parts_.storage_pool(pool);
  const std::string reason = object ? kube::annotation(*object, kRestartAnnotation) : "";
  if (reason.empty()) return;
  parts_.record({.regarding = kube::reference_to(*object),
                 .type = kube::EventType::kWarning,
                 .reason = restarted ? "LogRestarted" : "LogNotRestarted",
                 .action = "Restart",
                 .note = restarted ? "the log goes on in its next epoch: " + reason
                                   : "the log continues what was shown of it: it is not restarted"});
  const auto patched =
      parts_.client.merge_patch(kube::resources::kStoragePools, pool,
                                {{"metadata", {{"annotations", {{kRestartAnnotation, nullptr}}}}}});
  if (!patched && !patched.error().is_not_found())
    log::warn("the annotation of a restart could not be taken away",
              {{"storagepool", pool.to_string()}, {"detail", patched.error().to_string()}});
}

tl::expected<void, kube::ApiError> LiveWitness::remove(const std::string& uid) const {
  auto removed = parts_.client.delete_(kube::resources::kConfigMaps, {parts_.name_space, record_name(uid)});
  if (!removed && removed.error().is_not_found()) return {};
  return removed;
}

tl::expected<void, kube::ApiError> LiveWitness::load() {
  const auto list = parts_.client.list(kube::resources::kConfigMaps,
                                       {.name_space = parts_.name_space, .label_selector = kFloorSelector});
  if (!list) return tl::unexpected(list.error());
  for (const kube::Json& item : list->items) {
    const auto record = read_record(item);
    if (!record) {
      log::error("what is kept of a log cannot be read and is not used",
                 {{"configMap", kube::key_of(item).to_string()}, {"detail", record.error()}});
      continue;
    }
    const auto& watched = parts_.watched;
    if (!watched.empty() && std::ranges::find(watched, record->pool.name_space) == watched.end()) continue;
    const std::lock_guard lock(mutex_);
    book_.keep(record->pool, record->uid, record->floor, cosigned_at(record->floor, parts_.key));
  }
  return {};
}

void LiveWitness::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

asio::awaitable<void> LiveWitness::visit(pods::Client& client, kube::ObjectKey pool, pods::Answer& answer) {
  if (!answer.facts || !answer.facts->log) co_return;
  settings::LogFacts& pod = *answer.facts->log;
  std::optional<settings::LogFloor> floor;
  const std::string restart = pod.alarm == "LogRolledBack" ? restart_of(pool) : "";
  std::optional<Floor> kept;
  {
    const std::lock_guard lock(mutex_);
    if (const Floor* found = book_.floor(pool)) kept = *found;
    const bool hurry = kept && outside_.is_ahead(pool, kept->checkpoint.size);
    floor = book_.next(pool, pod, runtime::wall_now(), restart, hurry);
  }
  if (floor) {
    const auto response = co_await client.put("/admin/log", settings::to_json(*floor));
    const auto told = response && response->status == 200 ? settings::parse_log_report(response->body)
                                                          : tl::unexpected(settings::Problems{});
    if (!told) count("failed");
    if (told && floor->grow) took(pool, *told);
  }
  if (kept && pod.alarm.empty()) {
    std::vector<render::LogWitness> witnesses = named(pool);
    const runtime::Timestamp since = cosigned_at(*kept, parts_.key);
    co_await outside_.visit(client, pool, *std::move(kept), since, std::move(witnesses));
  }
  answer.witnesses = outside_.words(pool);
  if (const std::string why = inconsistency(pool); !why.empty() && pod.alarm.empty()) {
    pod.alarm = "LogInconsistent";
    pod.detail = why;
  }
}

std::string LiveWitness::inconsistency(const kube::ObjectKey& pool) const {
  const std::string outside = outside_.inconsistency(pool);
  const std::lock_guard lock(mutex_);
  const std::string& why = book_.inconsistency(pool);
  return why.empty() ? outside : why;
}

// On the loop of pods: verifying and signing takes some 200 µs, once in ten minutes for each StoragePool.
void LiveWitness::took(const kube::ObjectKey& pool, const settings::LogReport& told) {
  const auto now = runtime::wall_now();
  const bool may_restart = !restart_of(pool).empty();
  const std::lock_guard lock(mutex_);
  const Floor* kept = book_.floor(pool);
  const std::string origin =
      render::log_origin({.name_space = pool.name_space, .name = pool.name, .uid = {}});
  auto examined = examine(kept, told, origin, may_restart);
  if (!examined) {
    count(examined.error().inconsistent ? "inconsistent" : "refused");
    log::error(examined.error().inconsistent ? "a log does not continue what was cosigned of it"
                                             : "a checkpoint of a log is not cosigned",
               {{"storagepool", pool.to_string()}, {"detail", examined.error().why}});
  } else if (kept != nullptr && examined->checkpoint == kept->checkpoint) {
    count("unchanged");
  } else {
    if (kept != nullptr && examined->vkey != kept->vkey && examined->epoch == kept->epoch)
      log::warn("a log goes on under another key",
                {{"storagepool", pool.to_string()}, {"before", kept->vkey}, {"now", examined->vkey}});
    count("cosigned");
    examined = cosigned(*std::move(examined), parts_.key, now);
    due_ = true;
  }
  if (examined) outside_.newest(pool, examined->checkpoint.size);
  book_.found(pool, std::move(examined));
  wake_.notify_all();
}

void LiveWitness::run(const std::stop_token& stop) {
  auto next_sweep = runtime::steady_now();
  while (!stop.stop_requested()) {
    const bool written = write_due();
    bool swept = true;
    if (runtime::steady_now() >= next_sweep) {
      swept = sweep();
      next_sweep = runtime::steady_now() + (swept ? parts_.sweep : parts_.retry);
    }
    std::unique_lock lock(mutex_);
    const auto until = written ? next_sweep : std::min(next_sweep, runtime::steady_now() + parts_.retry);
    if (written) {
      wake_.wait_until(lock, stop, until, [this] { return due_; });
    } else {
      wake_.wait_until(lock, stop, until, [] { return false; });
    }
  }
}

// Whether all was written that there was.
bool LiveWitness::write_due() {
  std::vector<std::pair<kube::ObjectKey, Floor>> due;
  {
    const std::lock_guard lock(mutex_);
    due_ = false;
    due = book_.to_write();
  }
  bool all = true;
  for (auto& [pool, floor] : due) {
    std::string uid = uid_of(pool);
    if (uid.empty()) {  // it is gone
      const std::lock_guard lock(mutex_);
      book_.forget(pool);
      continue;
    }
    const Record record{.pool = pool, .uid = uid, .floor = floor};
    const auto written = parts_.client.apply(
        kube::resources::kConfigMaps, write_record(record, parts_.name_space, parts_.key.public_text()));
    if (!written) {
      all = false;
      log::warn("a checkpoint of a log could not be kept, trying again",
                {{"storagepool", pool.to_string()}, {"detail", written.error().to_string()}});
      continue;
    }
    bool restarted = false;
    bool more = true;  // or only more signatures of the same
    {
      const std::lock_guard lock(mutex_);
      const Floor* before = book_.floor(pool);
      restarted = before != nullptr && before->epoch < floor.epoch;
      more = before == nullptr || before->checkpoint != floor.checkpoint;
      book_.keep(pool, std::move(uid), floor, cosigned_at(floor, parts_.key));
    }
    if (more) forget_restart(pool, restarted);
  }
  return all;
}

// Whether nothing is left of StoragePools that are gone.
bool LiveWitness::sweep() {
  std::vector<std::pair<kube::ObjectKey, std::string>> known;
  double inconsistent = 0;
  {
    const std::lock_guard lock(mutex_);
    known = book_.known();
  }
  for (const auto& [pool, uid] : known) inconsistent += inconsistency(pool).empty() ? 0 : 1;
  inconsistent_.Set(inconsistent);
  outside_.sweep([this](const kube::ObjectKey& pool) { return !uid_of(pool).empty(); });
  bool all = true;
  for (const auto& [pool, uid] : known) {
    const std::string now = uid_of(pool);
    if (uid.empty() ? !now.empty() : uid == now) continue;
    const auto removed = uid.empty() ? tl::expected<void, kube::ApiError>() : remove(uid);
    if (!removed) {
      all = false;
      log::warn("what was kept of the log of a StoragePool that is gone could not be removed, trying again",
                {{"storagepool", pool.to_string()}, {"detail", removed.error().to_string()}});
      continue;
    }
    const std::lock_guard lock(mutex_);
    book_.forget(pool);
  }
  return all;
}

}  // namespace storagepool::witness
