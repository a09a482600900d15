#include "operator/witness/outside.h"

#include <memory>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/log.h"
#include "pool/common/settings/admin_wire.h"

namespace storagepool::witness {
namespace {

namespace asio = boost::asio;

}  // namespace

Outside::Outside(Parts parts)
    : parts_(std::move(parts)),
      answers_(
          prometheus::BuildCounter()
              .Name("storagepool_log_outside_witness_total")
              .Help("Checkpoints of logs that outside witnesses were asked to cosign, by what came of it")
              .Register(parts_.metrics.registry())),
      cosigned_(prometheus::BuildGauge()
                    .Name("storagepool_log_cosigned_timestamp_seconds")
                    .Help("When an outside witness has cosigned the log of a StoragePool last, by its clock")
                    .Register(parts_.metrics.registry())),
      submitter_(parts_.limits, parts_.trusted) {
  for (const Worth worth : {Worth::kCosigned, Worth::kElsewhere, Worth::kInconsistent, Worth::kRefused,
                            Worth::kUnusable, Worth::kFailed})
    answers_.Add({{"result", name_of(worth)}});
}

asio::awaitable<void> Outside::visit(pods::Client& client, kube::ObjectKey pool, Floor floor,
                                     runtime::Timestamp since, std::vector<render::LogWitness> named) {
  std::vector<Due> due;
  {
    const std::lock_guard lock(mutex_);
    due = standings_.due(pool, floor, named, runtime::wall_now());
  }
  // Mostly all are at the same size.
  std::map<std::uint64_t, settings::LogReport> proofs;
  for (const Due& one : due) {
    Submission submission = submission_of(floor, since);
    submission.old_size = one.old_size;
    const bool needs_proof = one.old_size > 0 && one.old_size < submission.size;
    if (needs_proof && !proofs.contains(one.old_size)) {
      settings::LogFloor ask{.checkpoint = floor.note.write(), .grow = false, .restart = {}};
      ask.from = static_cast<std::int64_t>(one.old_size);
      const std::string body = settings::to_json(ask);
      const auto response = co_await client.put("/admin/log", body);
      auto told = response && response->status == 200 ? settings::parse_log_report(response->body)
                                                      : tl::unexpected(settings::Problems{});
      proofs.emplace(one.old_size, told ? *std::move(told) : settings::LogReport{});
    }
    if (needs_proof) submission.proof = proofs.at(one.old_size).proof;
    if (needs_proof && submission.proof.empty()) {
      take(pool, one.witness.vkey, submission,
           {.worth = Worth::kFailed,
            .why = "no pod proves that the log has grown from the " + std::to_string(one.old_size) +
                   " entries that it has cosigned"});
    } else {
      ask(pool, one.witness, std::move(submission));
    }
  }
}

void Outside::ask(const kube::ObjectKey& pool, const render::LogWitness& witness, Submission submission) {
  const auto url = render::parse_witness_url(witness.url);
  auto key = tlog::NoteKey::read(witness.vkey);
  if (!url || !key || key->kind() != tlog::KeyKind::kWitness)
    return take(pool, witness.vkey, submission,
                {.worth = Worth::kUnusable, .why = "its vkey is not that of a witness, or has another id"});
  if (submission.proof.size() > kMostProofLines)
    return take(pool, witness.vkey, submission,
                {.worth = Worth::kFailed, .why = "no pod proves anything to it"});
  const auto shared = std::make_shared<const tlog::NoteKey>(*std::move(key));
  std::string body = write_body(submission);
  const bool taken =
      submitter_.submit({.url = *url,
                         .body = std::move(body),
                         .done = [this, pool, vkey = witness.vkey, shared,
                                  submission](tl::expected<WitnessAnswer, std::string> answer) {
                           take(pool, vkey, submission,
                                answer ? read_answer(*answer, submission, *shared, runtime::wall_now())
                                       : Heard{.worth = Worth::kFailed, .why = std::move(answer.error())});
                         }});
  if (!taken)
    take(pool, witness.vkey, submission, {.worth = Worth::kFailed, .why = "too many others are asked"});
}

void Outside::take(const kube::ObjectKey& pool, const std::string& vkey, const Submission& asked,
                   const Heard& heard) {
  answers_.Add({{"result", name_of(heard.worth)}}).Increment();
  if (heard.worth == Worth::kInconsistent)
    log::error("an outside witness has seen another history of a log",
               {{"storagepool", pool.to_string()}, {"witness", vkey}, {"detail", heard.why}});
  if (heard.cosignature) parts_.cosigned(pool, asked.note.text, *heard.cosignature);
  const std::lock_guard lock(mutex_);
  standings_.heard(pool, vkey, asked, heard, runtime::wall_now());
}

bool Outside::is_ahead(const kube::ObjectKey& pool, std::uint64_t size) const {
  const std::lock_guard lock(mutex_);
  return standings_.is_ahead(pool, size);
}

void Outside::newest(const kube::ObjectKey& pool, std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  standings_.newest(pool, size);
}

std::vector<pods::WitnessWord> Outside::words(const kube::ObjectKey& pool) const {
  const std::lock_guard lock(mutex_);
  return standings_.words(pool, runtime::wall_now());
}

std::string Outside::inconsistency(const kube::ObjectKey& pool) const {
  const std::lock_guard lock(mutex_);
  return standings_.inconsistency(pool);
}

void Outside::sweep(const std::function<bool(const kube::ObjectKey& pool)>& is_there) {
  const std::lock_guard lock(mutex_);
  auto before = std::move(gauges_);
  gauges_.clear();
  for (const kube::ObjectKey& pool : standings_.known()) {
    if (!is_there(pool)) {
      standings_.forget(pool);
      continue;
    }
    for (const auto& [name, at] : standings_.cosigned(pool)) {
      if (!at) continue;
      prometheus::Gauge& gauge =
          cosigned_.Add({{"namespace", pool.name_space}, {"name", pool.name}, {"witness", name}});
      gauge.Set(std::chrono::duration<double>(at->time_since_epoch()).count());
      const std::pair place(pool, name);
      gauges_[place] = &gauge;
      before.erase(place);
    }
  }
  for (const auto& [gone, gauge] : before) cosigned_.Remove(gauge);
}

}  // namespace storagepool::witness
