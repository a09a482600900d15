#include "pool/journal/journal.h"

#include <atomic>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pool/journal/record.h"
#include "pool/journal/worker.h"

namespace asio = boost::asio;

namespace storagepool::journal {
namespace {

using std::chrono::steady_clock;

// For operations that bring no deadline of their own.
constexpr std::chrono::seconds kDiskTimeout{30};

template <typename T>
using Outcome = tl::expected<T, JournalError>;

// Where a coroutine waits for what the worker answers. All but `abandoned` is for the executor.
template <typename T>
struct Waiting {
  explicit Waiting(const asio::any_io_executor& executor) : timer(executor) {}
  asio::steady_timer timer;
  std::optional<Outcome<T>> outcome;
  std::atomic<bool> abandoned = false;
};

template <typename T>
void answer(const asio::any_io_executor& executor, std::shared_ptr<Waiting<T>> waiting, Outcome<T> outcome) {
  asio::post(executor, [waiting = std::move(waiting), outcome = std::move(outcome)]() mutable {
    waiting->outcome.emplace(std::move(outcome));
    waiting->timer.cancel();
  });
}

template <typename T>
asio::awaitable<Outcome<T>> wait(std::shared_ptr<Waiting<T>> waiting, steady_clock::time_point deadline) {
  waiting->timer.expires_at(deadline);
  while (!waiting->outcome && steady_clock::now() < deadline) {
    boost::system::error_code cancelled;
    co_await waiting->timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
  std::optional<Outcome<T>>& outcome = waiting->outcome;
  if (outcome) co_return std::move(*outcome);
  waiting->abandoned = true;
  co_return tl::unexpected(
      JournalError{JournalError::Kind::kFailed, "the journal's disk did not answer in time"});
}

runtime::Timestamp wall_clock() {
  return std::chrono::floor<runtime::Timestamp::duration>(std::chrono::system_clock::now());
}

JournalError closed() {
  return {JournalError::Kind::kFailed, "the journal is closed"};
}

}  // namespace

struct Journal::Listener {
  std::function<void()> appended;
};

tl::expected<std::unique_ptr<Journal>, std::string> Journal::open(asio::any_io_executor executor,
                                                                  const JournalOptions& options) {
  auto file = JournalFile::open(options, wall_clock());
  if (!file) return tl::unexpected(std::move(file.error()));
  auto worker = std::make_unique<JournalWorker>(std::move(*file), options.max_queued_bytes);
  return std::unique_ptr<Journal>(new Journal(std::move(executor), std::move(worker)));
}

Journal::Journal(asio::any_io_executor executor, std::unique_ptr<JournalWorker> worker)
    : executor_(std::move(executor)), listener_(std::make_shared<Listener>()), worker_(std::move(worker)) {}

Journal::~Journal() = default;

void Journal::on_append(std::function<void()> listener) {
  listener_->appended = std::move(listener);
}

JournalStatistics Journal::statistics() const {
  return worker_->statistics();
}

asio::awaitable<Outcome<void>> Journal::append(std::string workspace, std::vector<event::Event> unit,
                                               Deadline deadline) {
  if (closed_) co_return tl::unexpected(closed());
  std::string record = encode_unit(unit);
  if (record.size() > kMaxJournalUnitBytes) {
    co_return tl::unexpected(JournalError{JournalError::Kind::kFailed,
                                          "the events of one call take " + std::to_string(record.size()) +
                                              " bytes in the journal, allowed are " +
                                              std::to_string(kMaxJournalUnitBytes)});
  }
  auto waiting = std::make_shared<Waiting<void>>(executor_);
  auto submitted = worker_->submit(JournalWorker::Append{
      .workspace = std::move(workspace),
      .record = std::move(record),
      .events = static_cast<std::int64_t>(unit.size()),
      .abandoned = std::shared_ptr<const std::atomic<bool>>(waiting, &waiting->abandoned),
      .answer = [executor = executor_, waiting, listener = listener_](Outcome<void> outcome) {
        const bool kept = outcome.has_value();
        answer(executor, waiting, std::move(outcome));
        if (!kept) return;
        asio::post(executor, [listener] {
          if (listener->appended) listener->appended();
        });
      }});
  if (!submitted) co_return tl::unexpected(std::move(submitted.error()));
  auto outcome = co_await wait(std::move(waiting), deadline);
  co_return outcome;
}

template <typename T, typename Work>
asio::awaitable<Outcome<T>> Journal::on_worker(Work work, Deadline deadline, bool last) {
  if (closed_) co_return tl::unexpected(closed());
  auto waiting = std::make_shared<Waiting<T>>(executor_);
  auto submitted = worker_->submit(
      [executor = executor_, waiting, work = std::move(work)](JournalFile& file) -> std::function<void()> {
        return [executor, waiting, outcome = std::make_shared<Outcome<T>>(work(file))] {
          answer(executor, waiting, std::move(*outcome));
        };
      });
  if (!submitted) co_return tl::unexpected(std::move(submitted.error()));
  closed_ = last;
  auto outcome = co_await wait(std::move(waiting), deadline);
  co_return outcome;
}

asio::awaitable<Outcome<std::vector<JournalEntry>>> Journal::next(std::size_t max_events,
                                                                  std::size_t max_bytes) {
  return on_worker<std::vector<JournalEntry>>(
      [max_events, max_bytes](JournalFile& file) { return file.next(max_events, max_bytes, wall_clock()); },
      steady_clock::now() + kDiskTimeout);
}

asio::awaitable<Outcome<void>> Journal::remove(std::vector<std::int64_t> sequences) {
  return on_worker<void>(
      [sequences = std::move(sequences)](JournalFile& file) { return file.remove(sequences); },
      steady_clock::now() + kDiskTimeout);
}

asio::awaitable<Outcome<void>> Journal::set_aside(std::vector<std::int64_t> sequences, std::string reason) {
  return on_worker<void>([sequences = std::move(sequences), reason = std::move(reason)](
                             JournalFile& file) { return file.set_aside(sequences, reason, wall_clock()); },
                         steady_clock::now() + kDiskTimeout);
}

asio::awaitable<Outcome<std::vector<PoisonEntry>>> Journal::poison(std::size_t limit) {
  return on_worker<std::vector<PoisonEntry>>([limit](JournalFile& file) { return file.poison(limit); },
                                             steady_clock::now() + kDiskTimeout);
}

asio::awaitable<Outcome<void>> Journal::close(Deadline deadline) {
  return on_worker<void>([](JournalFile& file) { return file.close(); }, deadline, true);
}

}  // namespace storagepool::journal
