#include "pool/evidence/sealing/judge.h"

#include <utility>

namespace storagepool::evidence {
namespace {

Judgement refused(Alarm::Kind kind, std::string detail) {
  return {.alarm = Alarm{.kind = kind, .detail = std::move(detail)}};
}

std::string sizes(std::uint64_t has, std::uint64_t other) {
  return std::to_string(has) + " entries, not " + std::to_string(other);
}

std::optional<Judgement> refuse_below(const std::optional<Floor>& floor, const LogState& state,
                                      tlog::Hasher& hasher) {
  if (!floor || floor->epoch < state.epoch) return std::nullopt;
  if (floor->epoch > state.epoch)
    return refused(Alarm::Kind::kLogRolledBack, "the log is in its epoch " + std::to_string(state.epoch) +
                                                    " and was shown in its epoch " +
                                                    std::to_string(floor->epoch));
  if (floor->size < state.size()) return std::nullopt;
  if (state.size() < floor->size)
    return refused(Alarm::Kind::kLogRolledBack,
                   "the log was shown larger than it is: it has " + sizes(state.size(), floor->size));
  if (state.frontier.root(hasher) == floor->root) return std::nullopt;
  return refused(Alarm::Kind::kLogRolledBack,
                 "the log was shown with another root hash at its size of " + std::to_string(state.size()));
}

// The id with these lower bits of a transaction before `next`, as near as can be; 0: there is none.
std::uint64_t id_before(std::uint64_t next, std::uint32_t lower) {
  constexpr std::uint64_t kEra = std::uint64_t{1} << 32;
  const std::uint64_t id = (next & ~(kEra - 1)) | lower;
  if (id < next) return id;
  return id >= kEra ? id - kEra : 0;
}

}  // namespace

Judgement judge(const LogFacts& facts, std::string_view name, const std::optional<Floor>& floor,
                LogMacs& macs, tlog::Hasher& hasher) {
  Judgement judgement{.next = Judgement::Next::kSeal};
  LogState& state = judgement.state;
  if (!facts.row) {
    state.origin = name;
    state.incarnation = facts.incarnation;
    if (facts.sealed > 0) return refused(Alarm::Kind::kStateGone, "audit_seals has rows, audit_log has none");
    auto below = refuse_below(floor, state, hasher);
    return below ? *std::move(below) : std::move(judgement);
  }
  const StateRow& row = *facts.row;
  state = row.state;
  if (!row.fault.empty() || !macs.is_of_state(state, row.mac))
    return refused(
        Alarm::Kind::kForgedState,
        "audit_log: " + std::string(row.fault.empty() ? "its MAC is of no key of this log" : row.fault));
  if (tlog::epoch_of(state.origin, name) != state.epoch)
    return refused(Alarm::Kind::kOtherLog, "audit_log is the state of another log");
  if (auto below = refuse_below(floor, state, hasher)) return *std::move(below);
  if (facts.sealed != state.size())
    return refused(Alarm::Kind::kSealsDisagree,
                   "audit_seals ends elsewhere than audit_log: it has " + sizes(facts.sealed, state.size()));

  const bool rewritten = static_cast<std::uint32_t>(state.written_by) != row.xmin;
  const bool counts_back = facts.next_tx <= state.written_by;
  if (rewritten || counts_back || facts.incarnation < state.incarnation) {
    judgement.next = Judgement::Next::kClose;
    judgement.closed_after = rewritten ? id_before(facts.next_tx, row.xmin) : counts_back ? 0 : state.last.tx;
    judgement.alarm = {.kind = Alarm::Kind::kNewIncarnation,
                       .detail =
                           "transaction ids start anew in this database, as after a dump was restored: "
                           "the log goes on with incarnation " +
                           std::to_string(state.incarnation + 1)};
  } else if (facts.incarnation > state.incarnation) {
    judgement.next = Judgement::Next::kFinish;
  }
  return judgement;
}

}  // namespace storagepool::evidence
