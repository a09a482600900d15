// What a path is about: the system database or a workspace.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/awaitable.hpp>

#include "pool/common/http/server.h"
#include "pool/recording/destinations.h"
#include "pool/tables/store_error.h"

namespace storagepool::service {

// The workspace that a path names, empty in the paths of the system database.
std::string workspace_of(const http::Request& request);
// What is wrong with the name in the path, if anything: 400.
std::optional<http::Response> refuse_workspace(const http::Request& request,
                                               const std::string& system_database);
// The same, and who may not do it, for want of the scope, or not there: 403.
std::optional<http::Response> refuse_place(const http::Request& request, const std::string& system_database,
                                           bool allowed, std::string_view scope);
// What to answer to an error of a statement there.
boost::asio::awaitable<http::Response> failed_there(recording::Destinations& destinations,
                                                    tables::StoreError error,
                                                    recording::Destination destination,
                                                    const http::Request& request,
                                                    recording::Destinations::Deadline deadline);

}  // namespace storagepool::service
