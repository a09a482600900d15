// One operation of the registry on a leased session, private to this folder. What may
// well succeed at once (disposition.h) is tried once more: every operation may be repeated.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/engine/engine.h"
#include "pool/postgres/disposition.h"
#include "pool/workspaces/error.h"
#include "pool/workspaces/registry.h"

namespace storagepool::workspaces {

template <typename T>
using Operation = std::function<registry::Answer<T>(postgres::Connection&)>;

template <typename T>
boost::asio::awaitable<tl::expected<T, Error>> call(engine::Engine& engine, std::string database,
                                                    Operation<T> operation, engine::TimePoint deadline) {
  constexpr int kTries = 2;
  for (int attempt = 1;; ++attempt) {
    auto lease = co_await engine.acquire(database, deadline);
    if (!lease) co_return tl::unexpected(to_error(lease.error()));
    auto result = co_await operation(**lease);
    if (result) co_return std::move(*result);
    if (!postgres::disposition_of(result.error()).repeat || attempt == kTries)
      co_return tl::unexpected(to_error(result.error()));
  }
}

}  // namespace storagepool::workspaces
