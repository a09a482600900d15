// Maps method and path to handlers. Patterns are literal segments and `{name}` parameters. An unknown path
// answers 404, a known one with another method 405 with `Allow`; HEAD is answered by GET's handler without
// its body, OPTIONS with `Allow`.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/common/http/server.h"

namespace storagepool::http {

class Router {
 public:
  // A pattern starts with "/"; e.g. add("GET", "/api/v1/audit/events/{event_id}", ...).
  void add(std::string_view method, std::string_view pattern, Handler handler);
  boost::asio::awaitable<Response> handle(Request request) const;
  // For use as a server's handler; the router must outlive the server.
  Handler handler() const;

  // The pattern that the path of a request matches, as it was given to `add`; empty when none does.
  std::string_view pattern_of(std::string_view path) const;
  // Method and pattern of every route, in the order added.
  std::vector<std::pair<std::string, std::string>> routes() const;

 private:
  struct Route {
    std::string method;
    std::string pattern;
    std::vector<std::string> segments;
    Handler handler;
  };
  // Every route of the best matching pattern; empty when none matches.
  std::vector<const Route*> match(const std::vector<std::string_view>& path) const;
  static std::string allow(const std::vector<const Route*>& routes);

  std::vector<Route> routes_;
};

}  // namespace storagepool::http
