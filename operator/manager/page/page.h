// The operator's page, read-only: GET /ui, what belongs to it, and GET /ui/state (state.h), of which it is
// drawn anew every few seconds.
//
// Who may see what is the API server's to say: the page sends a Kubernetes token of who looks at it, and the
// StoragePools are read from the API server with that token. The operator's own rights are used for nothing
// that is shown; its pods' numbers are added to what the token may see. A token is kept nowhere but in the
// browser's tab.
#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>
#include <string>
#include <utility>  // before Asio
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <tl/expected.hpp>

#include "operator/kube/transport/config.h"
#include "operator/kube/transport/error.h"
#include "operator/manager/page/state.h"
#include "pool/common/http/router.h"

namespace storagepool::manager {

using StoragePools = tl::expected<std::vector<kube::Json>, kube::ApiError>;

// Who looks at the page, and at what.
struct Onlooker {
  std::string token;
  std::string name_space;  // empty: all
};

// What the API server shows to who has that token. Blocks; a requested stop ends it.
StoragePools storage_pools_as(const Onlooker& who, const kube::ClientConfig& config,
                              const std::stop_token& stop);

class Page {
 public:
  using Read = std::function<StoragePools(const Onlooker& who, const std::stop_token& stop)>;

  // So many reads wait for one another; more are told to come again (503).
  static constexpr std::size_t kMostWaiting = 8;

  // Both are called from a thread of the page's own.
  Page(Read read, AnswersOf answers_of);
  ~Page();  // ends a read that is under way

  // Must outlive what is done with the router.
  void add_routes(http::Router& router);

 private:
  boost::asio::awaitable<http::Response> state(http::Request& request);

  const Read read_;
  const AnswersOf answers_of_;
  std::stop_source stop_;
  std::size_t waiting_ = 0;
  boost::asio::thread_pool thread_{1};
};

}  // namespace storagepool::manager
