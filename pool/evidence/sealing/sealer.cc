#include "pool/evidence/sealing/sealer.h"

#include <algorithm>
#include <string_view>

#include "pool/common/runtime/check.h"
#include "pool/evidence/proving/columns.h"
#include "pool/evidence/sealing/portions.h"
#include "pool/evidence/sealing/pruning.h"
#include "pool/evidence/sealing/publishing.h"
#include "pool/tables/guards.h"

namespace storagepool::evidence {
namespace {

using boost::asio::awaitable;
using Did = SealingResult::Did;
using Next = Judgement::Next;
using Rows = tl::expected<postgres::Result, postgres::Error>;
using Done = tl::expected<void, postgres::Error>;

// The key of the advisory lock: "sp-seal!" in ASCII, so that it can be told from others in pg_locks; a sealer
// that is lost keeps it until its COMMIT is decided. Writers wait behind a lock that waits: not for longer
// than 200 ms. Each statement has a snapshot of its own, also where a role or database says otherwise.
constexpr std::string_view kBegin = R"sql(
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SET LOCAL lock_timeout = '200ms'; SET LOCAL idle_in_transaction_session_timeout = '10s';
SELECT pg_try_advisory_xact_lock(8318198485398678561)::int)sql";

postgres::Error error_of(const std::string& what) {
  postgres::Error error;
  error.detail = "sealing: " + what;
  return error;
}

bool is_in_the_way(const postgres::Error& error) {
  return error.sqlstate == "55P03" || error.sqlstate == "40P01";
}

bool is_lower(const Floor& one, const Floor& other) {
  return one.epoch < other.epoch || (one.epoch == other.epoch && one.size < other.size);
}

}  // namespace

// One call of `seal`. After an error a transaction may be open.
class Sealer::Pass {
 public:
  Pass(Sealer& sealer, postgres::Connection& connection, postgres::Deadline deadline)
      : sealer_(sealer),
        connection_(connection),
        deadline_(deadline),
        portions_(connection, deadline, sealer.macs_, sealer.hasher_, sealer.clock_) {}

  SealingResult take_result() { return std::move(result_); }

  awaitable<Done> run(bool may_begin) {
    const auto begun = co_await begin();
    if (!begun) co_return tl::unexpected(begun.error());
    const std::optional<LogFacts>& facts = *begun;
    if (!facts) co_return co_await end(Did::kBusy);
    if (!facts->row && !may_begin) co_return co_await end(Did::kNotBegun);
    Judgement judgement =
        judge(*facts, sealer_.name_, sealer_.highest_floor(), sealer_.macs_, sealer_.hasher_);
    if (judgement.alarm) result_.alarms.push_back(*std::move(judgement.alarm));
    if (judgement.next == Next::kRefuse) co_return co_await end(Did::kRefused);
    result_.size = judgement.state.size();
    const auto grown = co_await has_grown_from_floor(judgement.state);
    if (!grown) co_return tl::unexpected(grown.error());
    if (!*grown) co_return co_await end(Did::kRefused);
    if (facts->row) sealer_.committed(judgement.state);
    if (judgement.next == Next::kClose)
      co_return co_await close(std::move(judgement.state), facts->incarnation, judgement.closed_after);
    if (judgement.next == Next::kFinish)
      co_return co_await finish(std::move(judgement.state), facts->incarnation);
    co_return co_await seal_by_cut(std::move(judgement.state));
  }

  awaitable<Done> restart(std::int64_t epoch, bool only_look) {
    const auto begun = co_await begin();
    if (!begun) co_return tl::unexpected(begun.error());
    const std::optional<LogFacts>& facts = *begun;
    if (!facts) co_return co_await end(Did::kBusy);
    Judgement judgement = judge(*facts, sealer_.name_, std::nullopt, sealer_.macs_, sealer_.hasher_);
    if (judgement.alarm) result_.alarms.push_back(*std::move(judgement.alarm));
    if (judgement.next == Next::kRefuse) co_return co_await end(Did::kRefused);
    result_.size = judgement.state.size();
    if (judgement.state.epoch >= epoch) co_return co_await end(Did::kNothing);
    const Judgement shown =
        judge(*facts, sealer_.name_, sealer_.highest_floor(), sealer_.macs_, sealer_.hasher_);
    tl::expected<bool, postgres::Error> grown = false;
    if (shown.next != Next::kRefuse) grown = co_await has_grown_from_floor(judgement.state);
    if (!grown) co_return tl::unexpected(grown.error());
    if (*grown) co_return co_await end(Did::kNothing);
    if (only_look) co_return co_await end(Did::kSealed);
    judgement.state.epoch = epoch;
    judgement.state.origin = tlog::epoch_origin(sealer_.name_, epoch);
    if (judgement.next == Next::kClose)
      co_return co_await close(std::move(judgement.state), facts->incarnation, judgement.closed_after);
    co_return co_await commit(std::move(judgement.state));
  }

  awaitable<Done> prune(runtime::Timestamp now) {
    const auto begun = co_await begin();
    if (!begun) co_return tl::unexpected(begun.error());
    const std::optional<LogFacts>& facts = *begun;
    if (!facts) co_return co_await end(Did::kBusy);
    if (!facts->row) co_return co_await end(Did::kNothing);
    Judgement judgement =
        judge(*facts, sealer_.name_, sealer_.highest_floor(), sealer_.macs_, sealer_.hasher_);
    if (judgement.next == Next::kRefuse) result_.alarms.push_back(*std::move(judgement.alarm));
    if (judgement.next != Next::kSeal)
      co_return co_await end(judgement.next == Next::kRefuse ? Did::kRefused : Did::kNothing);
    LogState& state = judgement.state;
    const auto grown = co_await has_grown_from_floor(state);
    if (!grown) co_return tl::unexpected(grown.error());
    if (!*grown) co_return co_await end(Did::kRefused);
    sealer_.committed(state);
    result_.size = state.size();
    const bool shown = sealer_.floor_proven() && sealer_.told_->epoch == state.epoch;
    const std::uint64_t floor = shown ? sealer_.told_->size : 0;
    const auto found = co_await find_prunable(connection_, state, floor, sealer_.macs_, now, deadline_);
    if (!found && is_in_the_way(found.error()) && connection_.usable()) co_return co_await end(Did::kBusy);
    if (!found) co_return tl::unexpected(found.error());
    if (found->min_index == state.min_index) co_return co_await end(Did::kNothing);
    const auto maintains = co_await execute(tables::kMaintains);
    if (!maintains) co_return tl::unexpected(maintains.error());
    std::vector<postgres::Parameter> ids{
        array_of(found->batches, [](std::int64_t id) { return std::to_string(id); })};
    const auto deleted = co_await query(kDeleteBatches, std::move(ids));
    if (!deleted) co_return tl::unexpected(deleted.error());
    state.min_index = found->min_index;
    result_.again = true;
    co_return co_await commit(std::move(state));
  }

 private:
  // No value: another is at it.
  awaitable<tl::expected<std::optional<LogFacts>, postgres::Error>> begin() {
    const auto locked = co_await execute(kBegin);
    if (!locked) co_return tl::unexpected(locked.error());
    if (locked->rows.empty() || locked->rows[0].empty() || locked->rows[0][0] != "1")
      co_return std::optional<LogFacts>();
    const auto found = co_await execute(kReadFacts);
    if (!found) co_return tl::unexpected(found.error());
    auto facts = read_facts(*found);
    if (!facts) co_return tl::unexpected(error_of(facts.error()));
    co_return *std::move(facts);
  }
  awaitable<Rows> execute(std::string_view sql) { co_return co_await connection_.execute(sql, deadline_); }
  awaitable<Rows> query(std::string_view sql, std::vector<postgres::Parameter> parameters) {
    co_return co_await connection_.query(sql, std::move(parameters), deadline_);
  }
  awaitable<Done> end(Did did) {
    const auto ended = co_await execute("ROLLBACK");
    if (!ended) co_return tl::unexpected(ended.error());
    result_.did = did;
    co_return Done();
  }

  // Whether the log begins with what others were shown, as far as that is not known yet; however far this pod
  // has seen it grow. Beyond that it was only pruned by who had seen that it begins with more.
  awaitable<tl::expected<bool, postgres::Error>> has_grown_from_floor(const LogState& state) {
    if (!sealer_.told_ || sealer_.told_proven_ || sealer_.told_->epoch < state.epoch) co_return true;
    const Floor floor = *sealer_.told_;
    LogReader reader(connection_, deadline_);
    const auto root = co_await reader.root(floor.size);
    if (!root && root.error().kind == LogError::Kind::kUnavailable)
      co_return tl::unexpected(root.error().postgres);
    const bool pruned = !root && root.error().kind == LogError::Kind::kPruned && floor.size < state.min_index;
    sealer_.told_proven_ = (pruned || (root && *root == floor.root)) && state.size() >= floor.size;
    if (sealer_.told_proven_) co_return true;
    result_.alarms.push_back({.kind = Alarm::Kind::kLogRolledBack,
                              .detail = "the log does not begin with the " + std::to_string(floor.size) +
                                        " entries that it was shown with" +
                                        (root ? std::string() : ": " + root.error().detail)});
    co_return false;
  }

  awaitable<Done> seal_by_cut(LogState state) {
    auto batches = co_await portions_.read(state, Bound::kCut);
    if (!batches) co_return tl::unexpected(batches.error());
    CutWatch& watch = sealer_.watch_;
    const auto now = sealer_.clock_.now();
    watch.look(now, batches->cut, batches->waiting);
    result_.cut_age = watch.age(now);
    if (watch.over(now) && batches->size == 0) {
      watch.fenced(now);
      const Done known = co_await find_holder(batches->cut);
      if (!known) co_return known;
      const auto locked = co_await execute(kFence);
      if (!locked && !(is_in_the_way(locked.error()) && connection_.usable()))
        co_return tl::unexpected(locked.error());
      if (!locked) co_return co_await end(Did::kNothing);
      batches = co_await portions_.read(state, Bound::kFence);
      if (!batches) co_return tl::unexpected(batches.error());
      result_.fenced = true;
    }
    result_.waiting = batches->waiting && !result_.fenced;
    if (batches->future)
      result_.alarms.push_back({.kind = Alarm::Kind::kFutureBatch,
                                .batch = batches->future,
                                .detail = "batch " + std::to_string(*batches->future) +
                                          " is left out: no transaction with its id has begun"});
    if (batches->size == 0) co_return co_await end(Did::kNothing);
    const Bound bound = result_.fenced ? Bound::kFence : Bound::kCut;
    co_return co_await write(std::move(state), *std::move(batches), bound);
  }

  awaitable<Done> write(LogState state, Batches first, Bound bound) {
    const BatchPlace before = state.last;
    auto taken = co_await portions_.seal(std::move(state), std::move(first), bound);
    if (!taken) co_return tl::unexpected(taken.error());
    Sealed& sealed = taken->sealed;
    std::ranges::move(sealed.alarms, std::back_inserter(result_.alarms));
    if (sealed.state.last == before) co_return co_await end(Did::kRefused);
    if (sealed.seal) {
      result_.batches = static_cast<std::int64_t>(sealed.batches.size());
      result_.sealed = std::move(sealed.batches);
      const auto written = co_await query(kWriteSeal, seal_parameters(sealed));
      if (!written && written.error().sqlstate == "23505") {
        constexpr const char* kUnseen = "audit_seals has a seal that no statement sees: ids were set back";
        result_.alarms.push_back({.kind = Alarm::Kind::kSealsDisagree, .detail = kUnseen});
        co_return co_await end(Did::kRefused);
      }
      if (!written) co_return tl::unexpected(written.error());
    }
    result_.again = taken->more;
    co_return co_await commit(std::move(sealed.state));
  }

  // Nothing of the new state is signed or told before its COMMIT is acknowledged.
  awaitable<Done> commit(LogState state) {
    const auto found = co_await execute(kOwnId);
    if (!found) co_return tl::unexpected(found.error());
    const auto id = read_one(*found);
    if (!id) co_return tl::unexpected(error_of(id.error()));
    state.written_by = *id;
    const auto written = co_await query(kWriteState, state_parameters(state, sealer_.macs_.of_state(state)));
    if (!written) co_return tl::unexpected(written.error());
    const auto committed = co_await execute("COMMIT");
    if (!committed) co_return tl::unexpected(committed.error());
    sealer_.committed(state);
    result_.did = Did::kSealed;
    result_.size = state.size();
    co_return Done();
  }

  // New batches get the next incarnation, as do those that were written here since the dump was restored.
  awaitable<Done> close(LogState state, std::int64_t incarnation, std::uint64_t closed_after) {
    const std::int64_t next = std::max(state.incarnation, incarnation) + 1;
    auto locked = co_await execute(kCloseOff);
    if (!locked && is_in_the_way(locked.error()) && connection_.usable()) co_return co_await end(Did::kBusy);
    if (locked) locked = co_await execute(tables::kMaintains);
    if (!locked) co_return tl::unexpected(locked.error());
    auto of = numbers(incarnation, closed_after, next);
    const auto moved = co_await query(kMoveBatches, std::move(of));
    if (!moved) co_return tl::unexpected(moved.error());
    const auto set = co_await execute(set_incarnation(next));
    if (!set) co_return tl::unexpected(set.error());
    result_.again = true;
    co_return co_await commit(std::move(state));
  }

  // What is left of an incarnation that was closed, then the next.
  awaitable<Done> finish(LogState state, std::int64_t newest) {
    auto batches = co_await portions_.read(state, Bound::kNone);
    if (!batches) co_return tl::unexpected(batches.error());
    if (batches->size > 0) {
      const Done written = co_await write(std::move(state), *std::move(batches), Bound::kNone);
      result_.again = result_.did == Did::kSealed;
      co_return written;
    }
    auto between = numbers(state.incarnation, newest);
    const auto found = co_await query(kNextIncarnation, std::move(between));
    if (!found) co_return tl::unexpected(found.error());
    const auto next = read_one(*found);
    if (!next) co_return tl::unexpected(error_of(next.error()));
    state.incarnation = static_cast<std::int64_t>(*next);
    state.last = {};
    result_.again = true;
    co_return co_await commit(std::move(state));
  }

  awaitable<Done> find_holder(std::uint64_t cut) {
    auto id = numbers(cut);
    const auto found = co_await query(kFindHolder, std::move(id));
    if (!found) co_return tl::unexpected(found.error());
    if (!found->rows.empty()) result_.holder = found->rows[0].at(0).value_or("");
    co_return Done();
  }

  Sealer& sealer_;
  postgres::Connection& connection_;
  postgres::Deadline deadline_;
  Portions portions_;
  SealingResult result_;
};

Sealer::Sealer(std::string name, std::span<const Keys> keys, const tlog::NoteKey& note_key,
               const runtime::Clock& clock)
    : name_(std::move(name)), macs_(keys), note_key_(note_key), clock_(clock) {}

void Sealer::raise_floor(const Floor& floor) {
  if (floor.size == 0 || (told_ && (is_lower(floor, *told_) || floor == *told_))) return;
  told_ = floor;
  told_proven_ = false;
}

const std::optional<Floor>& Sealer::highest_floor() const {
  const auto& shown = publishing_.shown();
  return told_ && (!shown || is_lower(*shown, *told_)) ? told_ : shown;
}

void Sealer::remember(const Memory& memory) {
  publishing_ = memory.publishing;
  watch_ = memory.watch;
  told_ = memory.told;
  told_proven_ = memory.told_proven;
  if (publishing_.shown()) epoch_ = publishing_.shown()->epoch;
  checkpoint_.reset();
}

void Sealer::committed(const LogState& state) {
  min_index_ = state.min_index;
  if (epoch_ != state.epoch) publishing_.forget();
  checkpoint_.reset();
  epoch_ = state.epoch;
  const tlog::Checkpoint now = checkpoint_of(state, hasher_);
  committed_ = {now.size, now.root, epoch_};
}

// After a pass, whose transaction has ended.
awaitable<Done> Sealer::publish(postgres::Connection& connection, SealingResult& result,
                                postgres::Deadline deadline) {
  const bool is_known = result.did == Did::kSealed || result.did == Did::kNothing;
  if (is_known && committed_) {
    const auto flushing =
        co_await evidence::publish(publishing_, connection, *committed_, clock_.now(), deadline);
    if (!flushing) co_return tl::unexpected(flushing.error());
    result.flushing = *flushing;
    checkpoint_.reset();
  }
  result.hidden = publishing_.waiting();
  result.hidden_for = publishing_.waited(clock_.now());
  if (publishing_.shown()) result.shown = publishing_.shown()->size;
  co_return Done();
}

const std::optional<tlog::Note>& Sealer::checkpoint() {
  const auto& shown = publishing_.shown();
  if (checkpoint_ || !shown) return checkpoint_;
  const tlog::Checkpoint now{
      .origin = tlog::epoch_origin(name_, shown->epoch), .size = shown->size, .root = shown->root};
  if (now.origin == note_key_.name()) return checkpoint_ = sign(now, note_key_);
  const auto key = tlog::NoteKey::of_seed(tlog::KeyKind::kLog, now.origin, note_key_.seed());
  STORAGEPOOL_INVARIANT(key, "an origin that names no key", {"epoch", epoch_});
  return checkpoint_ = sign(now, *key);
}

awaitable<tl::expected<SealingResult, postgres::Error>> Sealer::seal(postgres::Connection& connection,
                                                                     postgres::Deadline deadline,
                                                                     bool may_begin) {
  committed_.reset();
  Pass pass(*this, connection, deadline);
  Done done = co_await pass.run(may_begin);
  if (done) {
    SealingResult result = pass.take_result();
    done = co_await publish(connection, result, deadline);
    if (done) co_return result;
  }
  if (connection.usable() && connection.in_transaction()) co_await connection.execute("ROLLBACK", deadline);
  co_return tl::unexpected(done.error());
}

awaitable<tl::expected<SealingResult, postgres::Error>> Sealer::restart(postgres::Connection& connection,
                                                                        std::int64_t epoch, bool only_look,
                                                                        postgres::Deadline deadline) {
  Pass pass(*this, connection, deadline);
  const Done done = co_await pass.restart(epoch, only_look);
  if (done) co_return pass.take_result();
  if (connection.usable() && connection.in_transaction()) co_await connection.execute("ROLLBACK", deadline);
  co_return tl::unexpected(done.error());
}

awaitable<tl::expected<SealingResult, postgres::Error>> Sealer::prune(postgres::Connection& connection,
                                                                      runtime::Timestamp now,
                                                                      postgres::Deadline deadline) {
  Pass pass(*this, connection, deadline);
  const Done done = co_await pass.prune(now);
  if (done) co_return pass.take_result();
  if (connection.usable() && connection.in_transaction()) co_await connection.execute("ROLLBACK", deadline);
  co_return tl::unexpected(done.error());
}

}  // namespace storagepool::evidence
