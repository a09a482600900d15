// Receipts of recorded events (pool/evidence/proving/receipt.h), for callers who ask by `Prefer: receipt`
// (RFC 7240). Calls that are answered at one moment, as those of one commit are, have one signature. Who does
// not ask pays nothing.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "pool/common/http/server.h"
#include "pool/event/event.h"
#include "pool/evidence/proving/log_key.h"
#include "pool/evidence/proving/receipt.h"
#include "pool/recording/recording.h"

namespace storagepool::service {

// Whether the request prefers a receipt.
bool prefers_receipt(const http::Request& request);

// Not thread-safe.
class Receipts {
 public:
  using Key = std::shared_ptr<const evidence::LogKey>;

  explicit Receipts(std::function<Key()> key) : key_(std::move(key)) {}

  // What a call has to remember until its events are recorded.
  struct Asked {
    Key key;
    std::vector<event::Event> events;
  };
  // No value: nobody asks, there is no key, or no memory is left for it.
  std::optional<Asked> asked(const http::Request& request, const std::vector<event::Event>& unit) const;

  // Adds the receipt to the answer, which is of one JSON object, and says so; but where nothing new was
  // stored, or the entry of an event will depend on a parent that PostgreSQL does not have yet.
  boost::asio::awaitable<http::Response> add(Asked asked, recording::Recorded recorded, std::string place,
                                             http::Response response);

 private:
  // Those who are answered at one moment.
  struct Group {
    std::vector<tlog::Hash> leaves{};
    std::optional<evidence::ReceiptTree> tree{};
    std::string note{};  // empty: it is still open
  };
  void close(Group& group, const evidence::Promise& promise, const Key& key);

  std::function<Key()> key_;
  tlog::Hasher hasher_;
  std::map<evidence::Promise, std::shared_ptr<Group>> open_;
};

}  // namespace storagepool::service
