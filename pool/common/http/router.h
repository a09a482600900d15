// Maps method and path to handlers. Patterns are literal segments and `{name}` parameters. An unknown path
// answers 404, a known one with another method 405 with `Allow`; HEAD is answered by GET's handler without
// its body, OPTIONS with `Allow`. Where several patterns match, the one counts that is literal for longest.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/common/http/message/message.h"

namespace storagepool::http {

class Router {
 public:
  // A pattern starts with "/"; e.g. add("GET", "/api/v1/audit/events/{event_id}", ...).
  void add(std::string_view method, std::string_view pattern, Handler handler);
  // The last segment, a parameter, takes all that is left of the path, slashes too.
  void add_below(std::string_view method, std::string_view pattern, Handler handler);
  // `request` must live until it is answered.
  boost::asio::awaitable<Response> handle(Request& request) const;
  // For use as a server's handler; the router must outlive the server.
  Handler handler() const;

  // The pattern that the path of a request matches, as it was given to `add`; empty when none does.
  std::string_view pattern_of(std::string_view path) const;
  // Method and pattern of every route, in the order added.
  const std::vector<std::pair<std::string, std::string>>& routes() const { return routes_; }

 private:
  // What a pattern names, with a handler for each method.
  struct Resource {
    std::string pattern;
    std::string literal;  // the pattern up to its first parameter
    std::vector<std::string> segments;
    bool takes_rest = false;  // its last segment
    std::vector<std::pair<std::string, Handler>> handlers;
  };
  Resource& resource_of(std::string_view method, std::string_view pattern);
  static bool matches(const Resource& resource, std::string_view path);
  const Resource* match(std::string_view path) const;
  std::string allow(const Resource* resource) const;

  std::vector<Resource> resources_;                          // of those that match, the first counts
  std::vector<std::pair<std::string, std::string>> routes_;  // as routes() returns them
};

}  // namespace storagepool::http
