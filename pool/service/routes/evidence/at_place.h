// What the routes share that change something in the database that their path is about.
#pragma once

#include <string_view>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/auth/tokens/bearer.h"
#include "pool/service/routes/answers.h"
#include "pool/service/routes/evidence/evidence.h"
#include "pool/service/routes/place.h"

namespace storagepool::service {

struct AtPlace {
  EvidenceContext context;

  // Where a request goes that its sender may make, else the answer to it.
  boost::asio::awaitable<tl::expected<recording::Destination, http::Response>> find(
      const http::Request& request, bool allowed, std::string_view scope) const {
    auto refusal = refuse_place(request, context.destinations.system_database(), allowed, scope);
    if (refusal) co_return tl::unexpected(std::move(*refusal));
    if (context.away()) co_return tl::unexpected(postgres_away(request));
    auto destination = co_await context.destinations.find(workspace_of(request), context.deadline());
    if (!destination) co_return tl::unexpected(failed(destination.error(), request));
    co_return std::move(*destination);
  }

  // `work` is done with a connection, which is given back before anything else is asked.
  template <typename T, typename Work>
  boost::asio::awaitable<tl::expected<T, tables::StoreError>> at(const recording::Destination& there,
                                                                 Work work) const {
    auto leased = co_await context.reader.lease(there.database, context.deadline());
    if (!leased) co_return tl::unexpected(leased.error());
    tl::expected<T, postgres::Error> done = co_await work(*leased->connection);
    if (!done) co_return tl::unexpected(tables::to_store_error(done.error()));
    co_return *std::move(done);
  }

  boost::asio::awaitable<http::Response> failed_at(tables::StoreError error, recording::Destination there,
                                                   const http::Request& request) const {
    return failed_there(context.destinations, std::move(error), std::move(there), request,
                        context.deadline());
  }

  // 401: on whose behalf nobody says.
  static http::Response nobody(const http::Request& request) {
    return auth::refused(request, auth::Refusal::kMissingHeader);
  }
};

}  // namespace storagepool::service
