#include "pool/journal/journal.h"

#include <boost/asio/post.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/loop/promise.h"
#include "pool/journal/record.h"
#include "pool/journal/worker.h"

namespace asio = boost::asio;

namespace storagepool::journal {
namespace {

using runtime::steady_now;
using runtime::wall_now;

// For operations that bring no deadline of their own.
constexpr std::chrono::seconds kDiskTimeout{30};

Journal::Deadline disk_deadline() {
  return steady_now() + kDiskTimeout;
}

template <typename T>
using Promised = runtime::Promise<Outcome<T>>;

template <typename T>
asio::awaitable<Outcome<T>> wait(Promised<T>& promise, Journal::Deadline deadline) {
  auto outcome = co_await promise.wait_until(deadline);
  if (outcome) co_return std::move(*outcome);
  co_return tl::unexpected(Error{Error::Kind::kFailed, "the journal's disk did not answer in time"});
}

// By a turn of the executor's own: who asks always waits, so that the loop serves others between two
// operations, however quick the disk is.
template <typename T>
void answer(const asio::any_io_executor& executor, typename Promised<T>::Giver giver, Outcome<T> outcome) {
  asio::post(executor, [giver = std::move(giver), outcome = std::move(outcome)]() mutable {
    giver.give(std::move(outcome));
  });
}

// What is not done without a file.
template <typename Work>
auto with_file(Work work) {
  return [work = std::move(work)](const Outcome<File*>& file) -> decltype(work(**file)) {
    if (!file) return tl::unexpected(file.error());
    return work(**file);
  };
}

Error closed() {
  return {Error::Kind::kFailed, "the journal is closed"};
}

}  // namespace

struct Journal::Listener {
  std::function<void()> appended;
};

std::unique_ptr<Journal> Journal::start(asio::any_io_executor executor, const Options& options) {
  return std::unique_ptr<Journal>(new Journal(std::move(executor), std::make_unique<Worker>(options)));
}

tl::expected<std::unique_ptr<Journal>, std::string> Journal::open(asio::any_io_executor executor,
                                                                  const Options& options) {
  auto journal = start(std::move(executor), options);
  if (auto opened = journal->worker_->wait_for_file(); !opened) {
    return tl::unexpected(std::move(opened.error()));
  }
  return journal;
}

Journal::Journal(asio::any_io_executor executor, std::unique_ptr<Worker> worker)
    : executor_(std::move(executor)), listener_(std::make_shared<Listener>()), worker_(std::move(worker)) {}

Journal::~Journal() = default;

void Journal::on_append(std::function<void()> listener) {
  listener_->appended = std::move(listener);
}

Statistics Journal::statistics() const {
  return worker_->statistics();
}

asio::awaitable<Outcome<void>> Journal::append(Origin origin, std::vector<event::Event> unit,
                                               Deadline deadline) {
  if (closed_) co_return tl::unexpected(closed());
  std::string record = encode_unit(unit);
  if (record.size() > kMaxUnitBytes) {
    co_return tl::unexpected(Error{
        Error::Kind::kFailed, "the events of one call take " + std::to_string(record.size()) +
                                  " bytes in the journal, allowed are " + std::to_string(kMaxUnitBytes)});
  }
  Promised<void> promise(executor_);
  auto answer = [giver = promise.giver(), executor = executor_,
                 listener = listener_](Outcome<void> outcome) mutable {
    const bool kept = outcome.has_value();
    journal::answer<void>(executor, giver, std::move(outcome));
    if (!kept) return;
    asio::post(executor, [listener] {
      if (listener->appended) listener->appended();
    });
  };
  auto submitted =
      worker_->submit(Worker::Append{.origin = std::move(origin),
                                     .record = std::move(record),
                                     .events = static_cast<std::int64_t>(unit.size()),
                                     .wanted = [giver = promise.giver()] { return giver.wanted(); },
                                     .answer = std::move(answer)});
  if (!submitted) co_return tl::unexpected(std::move(submitted.error()));
  auto outcome = co_await wait(promise, deadline);
  co_return outcome;
}

template <typename T, typename Work>
asio::awaitable<Outcome<T>> Journal::on_worker(Work work, Deadline deadline, bool last) {
  if (closed_) co_return tl::unexpected(closed());
  Promised<T> promise(executor_);
  auto submitted = worker_->submit(
      [executor = executor_, giver = promise.giver(), work = std::move(work)](const Outcome<File*>& file) {
        auto outcome = std::make_shared<Outcome<T>>(work(file));
        return [executor, giver, outcome] { answer<T>(executor, giver, std::move(*outcome)); };
      });
  if (!submitted) co_return tl::unexpected(std::move(submitted.error()));
  closed_ = last;
  auto outcome = co_await wait(promise, deadline);
  co_return outcome;
}

asio::awaitable<Outcome<std::vector<WaitingWorkspace>>> Journal::waiting() {
  return on_worker<std::vector<WaitingWorkspace>>(with_file([](File& file) { return file.waiting(); }),
                                                  disk_deadline());
}

asio::awaitable<Outcome<std::vector<Unit>>> Journal::next(Take take) {
  return on_worker<std::vector<Unit>>(
      with_file([take = std::move(take)](File& file) { return file.next(take, wall_now()); }),
      disk_deadline());
}

asio::awaitable<Outcome<Amount>> Journal::remove(std::vector<std::int64_t> sequences) {
  return on_worker<Amount>(
      with_file([sequences = std::move(sequences)](File& file) { return file.remove(sequences); }),
      disk_deadline());
}

asio::awaitable<Outcome<Amount>> Journal::set_aside(std::vector<std::int64_t> sequences, std::string reason) {
  return on_worker<Amount>(
      with_file([sequences = std::move(sequences), reason = std::move(reason)](File& file) {
        return file.set_aside(sequences, reason, wall_now());
      }),
      disk_deadline());
}

asio::awaitable<Outcome<Amount>> Journal::put_back(std::vector<std::int64_t> sequences) {
  auto putting = on_worker<Amount>(
      with_file([sequences = std::move(sequences)](File& file) { return file.put_back(sequences); }),
      disk_deadline());
  const auto listener = listener_;
  auto back = co_await std::move(putting);
  if (back && back->units > 0 && listener->appended) listener->appended();
  co_return back;
}

asio::awaitable<Outcome<Drop>> Journal::drop(std::vector<std::int64_t> sequences, std::int64_t events) {
  return on_worker<Drop>(with_file([sequences = std::move(sequences), events](File& file) {
                           return file.drop(sequences, events);
                         }),
                         disk_deadline());
}

asio::awaitable<Outcome<std::vector<KeptUnit>>> Journal::read(Page page) {
  return on_worker<std::vector<KeptUnit>>(with_file([page](File& file) { return file.read(page); }),
                                          disk_deadline());
}

// A file that could not be opened need not be closed.
asio::awaitable<Outcome<void>> Journal::close(Deadline deadline) {
  return on_worker<void>([](const Outcome<File*>& file) { return file ? (*file)->close() : Outcome<void>(); },
                         deadline, true);
}

}  // namespace storagepool::journal
