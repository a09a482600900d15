#include "pool/evidence/feed/feed.h"

#include <algorithm>
#include <optional>
#include <span>

#include "pool/evidence/entry.h"
#include "pool/evidence/proving/columns.h"
#include "pool/reading/redaction.h"
#include "pool/reading/walk.h"
#include "pool/tables/row.h"

namespace storagepool::evidence {
namespace {

using boost::asio::awaitable;

constexpr std::uint64_t kChunkEntries = 256;

tl::unexpected<FeedError> unreadable(const char* what) {
  return tl::unexpected<FeedError>(
      LogError{.kind = LogError::Kind::kBroken, .detail = std::string(what) + " cannot be read"});
}

// Entries that are read together, and what comes of them.
struct Chunk {
  explicit Chunk(std::vector<LoggedEvent> all)
      : events(std::move(all)), items(events.size()), end(events.size()) {}

  std::vector<LoggedEvent> events;
  std::vector<std::string> items;     // of each event; empty: not shown
  std::vector<std::size_t> wanted{};  // of `events`, ascending
  std::size_t end;                    // the first that is left for the next read
};

}  // namespace

// One read, chunk by chunk.
class Feed::Reading {
 public:
  Reading(const Feed& feed, FeedCursor from, std::uint64_t size, reading::ListQuery query,
          Rendering rendering, reading::Reader::Deadline deadline, reading::Reader::Reserve reserve,
          reading::Reader::Gone gone)
      : feed_(feed),
        size_(size),
        query_(std::move(query)),
        rendering_(std::move(rendering)),
        deadline_(deadline),
        reserve_(std::move(reserve)),
        gone_(std::move(gone)),
        page_{.items = {}, .next = std::move(from)} {}

  awaitable<tl::expected<FeedPage, FeedError>> run() {
    const std::uint64_t first = page_.next.seq;
    const auto begun = co_await step();
    if (!begun) co_return tl::unexpected(begun.error());
    bool more = true;
    while (more && !full_ && room() > 0 && page_.next.seq < size_ && page_.next.seq - first < kFeedEntries) {
      const auto next = co_await step();
      more = next.has_value();  // otherwise the next read says why
    }
    page_.at_end = page_.next.seq == size_;
    co_return std::move(page_);
  }

 private:
  using Done = awaitable<tl::expected<void, FeedError>>;

  std::size_t room() const { return static_cast<std::size_t>(query_.limit) - page_.items.size(); }

  Done step() {
    auto leased = co_await feed_.reader_.lease(feed_.database_, deadline_, gone_);
    if (!leased) co_return tl::unexpected<FeedError>(leased.error());
    const auto done = co_await read_chunk(*leased->connection);
    co_return done;
  }

  // The first entry that is not pruned has one before it, which is still there.
  Done begin(postgres::Connection& connection) {
    LogReader log(connection, deadline_);
    const auto first = co_await log.min_index();
    if (!first) co_return tl::unexpected<FeedError>(first.error());
    if (page_.next.seq >= *first) co_return tl::expected<void, FeedError>();
    if (page_.next.seq > 0) co_return tl::unexpected<FeedError>(CursorFault::kPruned);
    const auto last = co_await log.entries(*first - 1, 1);
    if (!last) co_return tl::unexpected<FeedError>(last.error());
    page_.next = FeedCursor::after(*first, hasher_.leaf(*last));
    co_return tl::expected<void, FeedError>();
  }

  // A cursor that came from outside is compared with the entry before it, which is read with those behind it.
  Done read_chunk(postgres::Connection& connection) {
    if (!judged_) {
      const auto begun = co_await begin(connection);
      if (!begun) co_return tl::unexpected(begun.error());
    }
    const std::uint64_t before = judged_ || page_.next.seq == 0 ? 0 : 1;
    std::string entries;
    if (page_.next.seq <= size_ && page_.next.seq - before < size_) {
      LogReader log(connection, deadline_);
      const std::uint64_t first = page_.next.seq - before;
      auto some = co_await log.entries(first, std::min(kChunkEntries, size_ - first));
      if (!some) co_return tl::unexpected<FeedError>(some.error());
      entries = *std::move(some);
    }
    if (!std::exchange(judged_, true)) {
      const auto fault = judge(page_.next, size_, std::string_view(entries).substr(0, kEntryBytes));
      if (fault) co_return tl::unexpected<FeedError>(*fault);
    }
    entries.erase(0, before * kEntryBytes);
    if (!query_.filters()) entries.resize(std::min(entries.size(), room() * kEntryBytes));
    auto events = read_entries(page_.next.seq, entries);
    if (!events) co_return unreadable("an entry of the log");
    Chunk chunk(*std::move(events));
    const auto found = co_await find(connection, chunk);
    if (!found) co_return tl::unexpected(found.error());
    const auto fetched = co_await fetch(connection, chunk);
    if (!fetched) co_return tl::unexpected(fetched.error());
    add(std::move(chunk), entries);
    co_return tl::expected<void, FeedError>();
  }

  // Says which are wanted, and that one is missing which the filters cannot be asked of.
  Done find(postgres::Connection& connection, Chunk& chunk) {
    if (chunk.events.empty()) co_return tl::expected<void, FeedError>();
    if (!query_.filters()) {
      for (std::size_t i = 0; i < chunk.events.size(); ++i) chunk.wanted.push_back(i);
      co_return tl::expected<void, FeedError>();
    }
    std::vector<reading::EventKey> keys;
    for (const LoggedEvent& event : chunk.events) keys.push_back(event.key);
    const auto rows = co_await ask(connection, reading::match_by_keys(keys, query_, now_));
    if (!rows) co_return tl::unexpected(rows.error());
    std::vector<bool> stored(chunk.events.size());
    for (const Row& row : rows->rows) {
      std::size_t place = 0;
      if (row.size() != 2 || !read_number(row[0], place) || place == 0 || place > stored.size())
        co_return unreadable("a stored event");
      stored[place - 1] = true;
      if (row[1]) chunk.wanted.push_back(place - 1);
    }
    for (std::size_t i = 0; i < stored.size(); ++i)
      if (!stored[i] && chunk.events[i].expires_at > now_)
        chunk.items[i] = render_gone(rendering_, chunk.events[i], now_);
    if (chunk.wanted.size() > room()) {
      chunk.end = chunk.wanted[room()];
      chunk.wanted.resize(room());
    }
    co_return tl::expected<void, FeedError>();
  }

  // Makes the items of those that are wanted, as far as there is room for them.
  Done fetch(postgres::Connection& connection, Chunk& chunk) {
    if (chunk.wanted.empty()) co_return tl::expected<void, FeedError>();
    if (bytes_ == 0) budget_ = reserve_(kFeedBytes) ? kFeedBytes : reading::kUsualPageBytes;
    std::vector<reading::EventKey> keys;
    for (const std::size_t at : chunk.wanted) keys.push_back(chunk.events[at].key);
    auto rows = co_await ask(connection, reading::select_by_keys(keys, budget_ - bytes_, now_));
    if (!rows) co_return tl::unexpected(rows.error());
    std::optional<std::pair<std::size_t, std::int64_t>> too_large;  // which, and its bytes
    for (Row& row : rows->rows) {
      std::size_t place = 0;
      std::int64_t bytes = 0;
      if (row.size() < reading::kKeyColumns || !read_number(row[0], place) || place == 0 ||
          place > chunk.wanted.size() || !read_number(row[1], bytes))
        co_return unreadable("a stored event");
      const std::size_t at = chunk.wanted[place - 1];
      if (!row[reading::kKeyColumns]) {
        too_large.emplace(at, bytes);
        break;
      }
      bytes_ += std::max<std::int64_t>(bytes, 1);
      if (!make_item(chunk, at, std::move(row))) co_return unreadable("a stored event");
    }
    if (!too_large) co_return tl::expected<void, FeedError>();
    full_ = true;
    chunk.end = too_large->first;
    if (bytes_ > 0) co_return tl::expected<void, FeedError>();
    const auto alone = co_await fetch_alone(connection, chunk, too_large->second);
    co_return alone;
  }

  // The event at the chunk's end, which is larger than what one read holds.
  Done fetch_alone(postgres::Connection& connection, Chunk& chunk, std::int64_t bytes) {
    if (!reserve_(bytes)) co_return tl::unexpected<FeedError>(reading::no_memory());
    const std::vector<reading::EventKey> key{chunk.events[chunk.end].key};
    auto rows = co_await ask(connection, reading::select_by_keys(key, bytes, now_));
    if (!rows) co_return tl::unexpected(rows.error());
    if (!rows->rows.empty() && !make_item(chunk, chunk.end, std::move(rows->rows[0])))
      co_return unreadable("a stored event");
    ++chunk.end;
    co_return tl::expected<void, FeedError>();
  }

  bool make_item(Chunk& chunk, std::size_t at, Row row) {
    auto event = tables::read_event(std::move(row), reading::kKeyColumns);
    if (!event) return false;
    if (!query_.sees_sensitive) reading::redact(*event);
    chunk.items[at] = render(rendering_, chunk.events[at].seq, *event);
    return true;
  }

  // Those of its items that there is room for; what is wanted and has none is gone.
  void add(Chunk chunk, std::string_view entries) {
    for (const std::size_t at : chunk.wanted)
      if (chunk.items[at].empty()) chunk.items[at] = render_gone(rendering_, chunk.events[at], now_);
    std::size_t done = 0;
    for (; done < chunk.end; ++done) {
      if (chunk.items[done].empty()) continue;
      if (room() == 0) break;
      page_.items.push_back(std::move(chunk.items[done]));
    }
    if (done == 0) return;
    const std::string_view last = entries.substr((done - 1) * kEntryBytes, kEntryBytes);
    page_.next = FeedCursor::after(page_.next.seq + done, hasher_.leaf(last));
  }

  awaitable<tl::expected<postgres::Result, FeedError>> ask(postgres::Connection& connection,
                                                           reading::Statement statement) {
    auto result = co_await connection.query_once(statement.sql, std::move(statement.parameters), deadline_);
    if (!result) co_return tl::unexpected<FeedError>(tables::to_store_error(result.error()));
    co_return *std::move(result);
  }

  const Feed& feed_;
  const std::uint64_t size_;
  const reading::ListQuery query_;
  const Rendering rendering_;
  const reading::Reader::Deadline deadline_;
  const reading::Reader::Reserve reserve_;
  const reading::Reader::Gone gone_;
  const runtime::Timestamp now_ = feed_.clock_.wall();
  tlog::Hasher hasher_;
  bool judged_ = false;      // the cursor that came from outside is one of this log
  bool full_ = false;        // there is no room for the next event's bytes
  std::int64_t budget_ = 0;  // of bytes
  std::int64_t bytes_ = 0;   // of event_data and error_message of the page's events
  FeedPage page_;
};

awaitable<tl::expected<FeedPage, FeedError>> Feed::read(FeedCursor from, std::uint64_t size,
                                                        reading::ListQuery query, Rendering rendering,
                                                        reading::Reader::Deadline deadline,
                                                        reading::Reader::Reserve reserve,
                                                        reading::Reader::Gone gone) {
  Reading reading(*this, std::move(from), size, std::move(query), std::move(rendering), deadline,
                  std::move(reserve), std::move(gone));
  auto page = co_await reading.run();
  co_return page;
}

awaitable<tl::expected<FeedCursor, FeedError>> Feed::end(std::uint64_t size,
                                                         reading::Reader::Deadline deadline,
                                                         reading::Reader::Gone gone) {
  if (size == 0) co_return FeedCursor{};
  auto leased = co_await reader_.lease(database_, deadline, std::move(gone));
  if (!leased) co_return tl::unexpected<FeedError>(leased.error());
  LogReader log(*leased->connection, deadline);
  const auto last = co_await log.entries(size - 1, 1);
  if (!last) co_return tl::unexpected<FeedError>(last.error());
  tlog::Hasher hasher;
  co_return FeedCursor::after(size, hasher.leaf(*last));
}

}  // namespace storagepool::evidence
