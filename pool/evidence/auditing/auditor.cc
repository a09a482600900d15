#include "pool/evidence/auditing/auditor.h"

#include <algorithm>
#include <map>
#include <set>

#include "pool/event/uuid.h"
#include "pool/evidence/auditing/batches.h"
#include "pool/evidence/auditing/first_entry.h"
#include "pool/evidence/auditing/statements.h"
#include "pool/evidence/proving/columns.h"
#include "pool/evidence/proving/proving.h"
#include "pool/evidence/sealing/slices.h"
#include "pool/tables/row.h"

namespace storagepool::evidence {
namespace {

using boost::asio::awaitable;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using Done = tl::expected<void, postgres::Error>;
using Rows = tl::expected<postgres::Result, postgres::Error>;
using Phase = AuditProgress::Phase;

// Releases without the log still run beside this one when it begins.
constexpr std::chrono::hours kRollout{24};
constexpr runtime::Timestamp kBatchEpoch{std::chrono::sys_days{std::chrono::year{2020} / 1 / 1}};

tl::unexpected<postgres::Error> unreadable(const char* what) {
  postgres::Error error;
  error.detail = std::string("full audit: ") + what + " cannot be read";
  return tl::unexpected(std::move(error));
}

}  // namespace

// One step. After an error a transaction may be open.
class Auditor::Step {
 public:
  Step(Auditor& auditor, postgres::Connection& connection, tlog::Checkpoint checkpoint,
       postgres::Deadline deadline)
      : auditor_(auditor),
        connection_(connection),
        checkpoint_(std::move(checkpoint)),
        deadline_(deadline),
        reader_(connection, deadline),
        writer_(auditor.keys_),
        now_(auditor.clock_.wall()) {}

  awaitable<tl::expected<milliseconds, postgres::Error>> run() {
    const auto began = auditor_.clock_.now();
    const auto locked = co_await execute(kBeginStep);
    if (!locked) co_return tl::unexpected(locked.error());
    if (locked->rows.empty() || locked->rows[0].empty() || locked->rows[0][0] != "1")
      co_return co_await leave(kTakeOver / 2);
    const auto known = co_await read_progress();
    if (!known) co_return tl::unexpected(known.error());
    const auto size = static_cast<std::int64_t>(checkpoint_.size);
    const AuditTurn turn = next_turn(auditor_.progress_, now_, auditor_.pod_, size, auditor_.pace_);
    if (turn.next == AuditTurn::Next::kWait) co_return co_await leave(turn.wait);
    Done done;
    if (turn.next == AuditTurn::Next::kBegin) done = co_await begin(size);
    if (turn.next == AuditTurn::Next::kStep) done = co_await go_on();
    if (!done) co_return tl::unexpected(done.error());
    raise_alarms();
    const Done written = co_await write();
    if (!written) co_return tl::unexpected(written.error());
    const auto took = std::chrono::duration_cast<milliseconds>(auditor_.clock_.now() - began);
    co_return pause_after(*auditor_.progress_, now_, took, auditor_.pace_);
  }

 private:
  struct Found {
    std::int64_t count = 0;
    std::string first{};
  };

  awaitable<Rows> execute(std::string_view sql) { co_return co_await connection_.execute(sql, deadline_); }
  awaitable<Rows> query(std::string_view sql, std::vector<postgres::Parameter> parameters) {
    co_return co_await connection_.query_once(sql, std::move(parameters), deadline_);
  }
  awaitable<tl::expected<milliseconds, postgres::Error>> leave(milliseconds wait) {
    const auto ended = co_await execute("ROLLBACK");
    if (!ended) co_return tl::unexpected(ended.error());
    co_return wait;
  }

  awaitable<Done> read_progress() {
    const auto found = co_await execute(kReadProgress);
    if (!found) co_return tl::unexpected(found.error());
    auditor_.progress_.reset();
    if (found->rows.empty()) co_return Done();
    const Row& row = found->rows[0];
    std::string mac;
    if (row.size() == 2 && row[0] && read_bytes(row[1], mac) && auditor_.mac_.is_of(*row[0], mac))
      auditor_.progress_ = AuditProgress::read(*row[0]);
    if (!auditor_.progress_) auditor_.forged_ = true;
    co_return Done();
  }

  awaitable<Done> write() {
    AuditProgress& progress = *auditor_.progress_;
    progress.stepped = now_;
    progress.pod = auditor_.pod_;
    const std::string text = progress.write();
    std::vector<postgres::Parameter> parameters{text, postgres::Parameter::binary(auditor_.mac_.of(text))};
    const auto written = co_await query(kWriteProgress, std::move(parameters));
    if (!written) co_return tl::unexpected(written.error());
    const auto committed = co_await execute("COMMIT");
    if (!committed) co_return tl::unexpected(committed.error());
    co_return Done();
  }

  awaitable<Done> begin(std::int64_t size) {
    const auto found = co_await execute(kReadExtent);
    if (!found) co_return tl::unexpected(found.error());
    std::int64_t batch = 0;
    std::int64_t blocks = 0;
    if (found->rows.empty() || found->rows[0].size() != 2 || !read_number(found->rows[0][1], blocks))
      co_return unreadable("the size of the tables");
    // Seals that are gone are found when their entries are read.
    const bool known = read_number(found->rows[0][0], batch);
    const runtime::Timestamp log_began =
        (known ? kBatchEpoch + microseconds(batch >> 12) : now_) + auditor_.future_ + kRollout;
    auditor_.progress_ = begin_pass(auditor_.progress_, now_, size, log_began, blocks);
    co_return Done();
  }

  awaitable<Done> go_on() {
    AuditProgress& progress = *auditor_.progress_;
    if (progress.phase == Phase::kEntries) {
      const Done passed = co_await pass_pruned();
      if (!passed) co_return tl::unexpected(passed.error());
    }
    if (progress.phase == Phase::kEntries && progress.at < progress.size) co_return co_await read_entries();
    progress.phase = Phase::kRows;
    co_return co_await read_rows();
  }

  void count(Finding finding, const std::string& which) {
    auditor_.progress_->count(finding);
    Found& found = found_[finding];
    if (found.count++ == 0) found.first = which;
  }

  // --- Each entry finds its row.

  // What is pruned has no rows; that the log leads on from there is proven with the entries behind it.
  awaitable<Done> pass_pruned() {
    AuditProgress& progress = *auditor_.progress_;
    const auto first = co_await read_first_entry(connection_, auditor_.keys_, deadline_);
    if (!first) co_return tl::unexpected(first.error());
    if (*first <= progress.at) co_return Done();
    progress.at = std::min(*first, progress.size);
    if (progress.log_is_altered || progress.at == progress.size) co_return Done();
    auto frontier = co_await reader_.frontier(static_cast<std::uint64_t>(progress.at));
    if (!frontier && frontier.error().kind == LogError::Kind::kUnavailable)
      co_return tl::unexpected(frontier.error().postgres);
    if (frontier) progress.frontier = *std::move(frontier);
    if (!frontier) log_altered("what is before its first entry cannot be read: " + frontier.error().detail);
    co_return Done();
  }

  awaitable<Done> read_entries() {
    AuditProgress& progress = *auditor_.progress_;
    const auto first = static_cast<std::uint64_t>(progress.at);
    const std::int64_t wanted = std::min(kStepEntries, progress.size - progress.at);
    auto entries = co_await reader_.entries(first, static_cast<std::uint64_t>(wanted));
    if (!entries && entries.error().kind == LogError::Kind::kUnavailable)
      co_return tl::unexpected(entries.error().postgres);
    if (!entries) {
      log_altered("the entries from " + std::to_string(first) +
                  " on cannot be read: " + entries.error().detail);
      progress.at += wanted;
      co_return Done();
    }
    const auto looked_at = co_await find_rows(*entries);
    if (!looked_at) co_return tl::unexpected(looked_at.error());
    progress.at += *looked_at;
    entries->resize(static_cast<std::size_t>(*looked_at) * kEntryBytes);
    const Done proven = co_await prove(*entries);
    co_return proven;
  }

  // Told rather than the events of the same step.
  void log_altered(const std::string& how) {
    auditor_.progress_->log_is_altered = true;
    auditor_.progress_->frontier = {};
    count(Finding::kAltered, {});
    found_[Finding::kAltered].first = "the log: " + how;
  }

  // That they are what the log's checkpoint commits to, with all before them.
  awaitable<Done> prove(const std::string& entries) {
    AuditProgress& progress = *auditor_.progress_;
    if (progress.log_is_altered) co_return Done();
    std::vector<tlog::LevelNode> full;
    for (std::size_t at = 0; at < entries.size(); at += kEntryBytes)
      progress.frontier.append(hasher_, hasher_.leaf(std::string_view(entries).substr(at, kEntryBytes)),
                               full);
    const tlog::Checkpoint part{.origin = checkpoint_.origin,
                                .size = progress.frontier.size(),
                                .root = progress.frontier.root(hasher_)};
    if (part == checkpoint_) co_return Done();
    const std::string before = "its first " + std::to_string(part.size) + " entries ";
    if (part.size >= checkpoint_.size) {
      log_altered(before + "are not those of the checkpoint");
      co_return Done();
    }
    const auto proof = co_await reader_.prove_growth(part, checkpoint_);
    if (proof) co_return Done();
    if (proof.error().kind == LogError::Kind::kUnavailable) co_return tl::unexpected(proof.error().postgres);
    log_altered(before + "do not lead to the checkpoint: " + proof.error().detail);
    co_return Done();
  }

  // How many of these entries were looked at.
  awaitable<tl::expected<std::int64_t, postgres::Error>> find_rows(const std::string& entries) {
    const auto held = co_await read_held();
    if (!held) co_return tl::unexpected(held.error());
    const Wanted is_wanted(now_, *held);
    std::vector<std::size_t> wanted;
    std::vector<Entry> keys;
    for (std::size_t at = 0; at < entries.size(); at += kEntryBytes) {
      const auto entry = Entry::read(std::string_view(entries).substr(at, kEntryBytes));
      if (!entry) count(Finding::kAltered, "the log: an entry cannot be read");
      if (!entry || !is_wanted(*entry)) continue;
      wanted.push_back(at);
      keys.push_back(*entry);
    }
    const auto all = static_cast<std::int64_t>(entries.size() / kEntryBytes);
    if (keys.empty()) co_return all;
    auto rows = co_await find_by_keys(keys);
    if (!rows) co_return tl::unexpected(rows.error());
    std::size_t next = 0;  // of `wanted`
    Slices slices(auditor_.clock_.now());
    for (Row& row : rows->rows) {
      if (slices.over(auditor_.clock_.now())) co_await give_way(slices, auditor_.clock_);
      std::size_t place = 0;
      if (row.size() < 3 || !read_number(row[0], place) || place == 0 || place > wanted.size())
        co_return unreadable("a row that was found by key");
      const std::string_view entry = std::string_view(entries).substr(wanted[place - 1], kEntryBytes);
      const bool there = row[1] == "1";
      const auto audited = read_row(std::move(row), 2);
      if (!audited) co_return unreadable("the batch of a row");
      count(judge_entry(entry, there ? &*audited : nullptr, writer_),
            event::format_uuid(keys[place - 1].event_id));
      next = place;
    }
    co_return next < wanted.size() ? static_cast<std::int64_t>(wanted[next] / kEntryBytes) : all;
  }

  awaitable<tl::expected<Wanted::Held, postgres::Error>> read_held() {
    const auto found = co_await execute(kReadHeld);
    if (!found) co_return tl::unexpected(found.error());
    Wanted::Held held;
    for (std::int64_t seconds = 0; const Row& row : found->rows) {
      if (row.size() != 2 || !row[0] || !read_number(row[1], seconds)) co_return unreadable("a legal hold");
      const runtime::Timestamp at{std::chrono::seconds(seconds)};
      for (const auto& tag : writer_.tags(*row[0])) held.emplace(tag, at);
    }
    co_return held;
  }

  awaitable<Rows> find_by_keys(const std::vector<Entry>& keys) {
    const auto by_key = co_await execute(kByKey);
    if (!by_key) co_return tl::unexpected(by_key.error());
    const auto time = [](const Entry& entry) { return runtime::format_timestamp(entry.event_timestamp); };
    const auto [first, last] = std::ranges::minmax_element(keys, {}, &Entry::event_timestamp);
    std::vector<postgres::Parameter> parameters{
        array_of(keys, [](const Entry& entry) { return event::format_uuid(entry.event_id); }),
        array_of(keys, time), time(*first), time(*last)};
    const std::string sql = read_by_keys();
    auto rows = co_await query(sql, std::move(parameters));
    co_return rows;
  }

  // --- Each row finds its entry.

  awaitable<Done> read_rows() {
    AuditProgress& progress = *auditor_.progress_;
    auto from = numbers(progress.heap.partition, progress.heap.block);
    const auto found = co_await query(kNextPartition, std::move(from));
    if (!found) co_return tl::unexpected(found.error());
    if (found->rows.empty()) {
      end();
      co_return Done();
    }
    const Row& row = found->rows[0];
    HeapLayout layout;
    HeapPlace at;
    std::int64_t blocks = 0;
    if (row.size() != 5 || !read_number(row[0], at.partition) || !row[1] || !read_number(row[2], blocks) ||
        !read_number(row[3], layout.server_version) || !read_number(row[4], layout.block_bytes))
      co_return unreadable("a partition");
    if (at.partition == progress.heap.partition) at = progress.heap;
    const std::int64_t until = std::min(at.block + kStepBlocks, blocks);
    const auto read = co_await read_blocks(*row[1], at, until, layout);
    co_return read;
  }

  void end() {
    const std::int64_t late = end_pass(*auditor_.progress_, now_);
    if (late == 0) return;
    Found& found = found_[Finding::kUnlogged];
    found.count += late;
    if (found.first.empty()) found.first = "some that name no batch, though the log had begun";
  }

  awaitable<Done> read_blocks(const std::string& partition, HeapPlace at, std::int64_t until,
                              const HeapLayout& layout) {
    const auto by_heap = co_await execute(kByHeap);
    if (!by_heap) co_return tl::unexpected(by_heap.error());
    const std::string sql = read_heap(partition, at, until, layout);
    std::vector<postgres::Parameter> nothing;
    auto rows = co_await query(sql, std::move(nothing));
    if (!rows) co_return tl::unexpected(rows.error());
    AuditProgress& progress = *auditor_.progress_;
    progress.blocks_read += until - at.block;
    at.block = until;
    at.offset = 0;
    std::vector<AuditedRow> audited;
    std::set<std::int64_t> ids;
    std::int64_t total = 0;
    std::string last;
    Slices slices(auditor_.clock_.now());
    for (Row& row : rows->rows) {
      if (slices.over(auditor_.clock_.now())) co_await give_way(slices, auditor_.clock_);
      if (row.size() < 3 || !row[0] || !read_number(row[1], total)) co_return unreadable("a row of the heap");
      last = *row[0];
      auto one = read_row(std::move(row), 2);
      if (!one) co_return unreadable("the batch of a row");
      if (one->batch) ids.insert(*one->batch);
      audited.push_back(*std::move(one));
    }
    if (total > static_cast<std::int64_t>(audited.size())) {  // there is no room for the others
      if (!read_place(last, at)) co_return unreadable("the place of a row");
      progress.blocks_read -= until - at.block;
    }
    progress.heap = at;
    const auto by_key = co_await execute(kByKey);
    if (!by_key) co_return tl::unexpected(by_key.error());
    const auto batches = co_await read_batches(connection_, std::move(ids), writer_, deadline_);
    if (!batches) co_return tl::unexpected(batches.error());
    const BatchEntries none;
    for (const AuditedRow& row : audited) {
      if (slices.over(auditor_.clock_.now())) co_await give_way(slices, auditor_.clock_);
      const auto batch = row.batch ? batches->find(*row.batch) : batches->end();
      count(judge_row(row, batch == batches->end() ? none : batch->second, progress.log_began, writer_),
            row.event ? row.event->event_id : "one that cannot be read, in " + partition);
    }
    co_return Done();
  }

  void raise_alarms() {
    const auto raise = [this](Finding finding, Alarm::Kind kind, const char* what) {
      const auto found = found_.find(finding);
      if (found == found_.end()) return;
      auditor_.alarms_.push_back(
          {.kind = kind, .detail = std::to_string(found->second.count) + what + found->second.first});
    };
    raise(Finding::kMissing, Alarm::Kind::kMissingEvents,
          " that the log has, whose time has not passed, no key finds: ");
    raise(Finding::kAltered, Alarm::Kind::kAlteredEvents, " not as the log has it: ");
    raise(Finding::kUnlogged, Alarm::Kind::kUnloggedEvents, " stored, and not in the log: ");
  }

  Auditor& auditor_;
  postgres::Connection& connection_;
  const tlog::Checkpoint checkpoint_;
  const postgres::Deadline deadline_;
  LogReader reader_;
  EntryWriter writer_;
  tlog::Hasher hasher_;
  const runtime::Timestamp now_;
  std::map<Finding, Found> found_;
};

Auditor::Auditor(std::int64_t pod, const std::string& name, const Keys& keys, milliseconds future,
                 AuditPace pace, const runtime::Clock& clock)
    : pod_(pod), keys_(keys), mac_(keys, name), future_(future), pace_(pace), clock_(clock) {}

awaitable<tl::expected<milliseconds, postgres::Error>> Auditor::step(postgres::Connection& connection,
                                                                     tlog::Checkpoint checkpoint,
                                                                     postgres::Deadline deadline) {
  Step one(*this, connection, std::move(checkpoint), deadline);
  const auto done = co_await one.run();
  if (done) co_return *done;
  if (connection.usable() && connection.in_transaction()) co_await connection.execute("ROLLBACK", deadline);
  // In the way is who makes, drops or moves a partition, or another pod.
  if (connection.usable() && (done.error().sqlstate == "55P03" || done.error().sqlstate == "40001"))
    co_return milliseconds{1000};
  co_return tl::unexpected(done.error());
}

}  // namespace storagepool::evidence
