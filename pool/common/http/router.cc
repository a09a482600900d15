#include "pool/common/http/router.h"

#include <algorithm>
#include <set>
#include <utility>

#include "pool/common/http/message/problem.h"

namespace storagepool::http {
namespace {

// The segments of a path, one after the other: "/a/b" has "a" and "b"; "/" has "" and "/a/" has "a" and "",
// so that a trailing slash names another resource.
class Segments {
 public:
  explicit Segments(std::string_view path) : rest_(path) {}

  bool done() const { return rest_.empty(); }
  // All that are left, of a path that starts with "/" and is not done.
  std::string_view rest() const { return rest_.substr(1); }
  // Of a path that starts with "/" and is not done.
  std::string_view next() {
    rest_.remove_prefix(1);
    const std::string_view segment = rest_.substr(0, rest_.find('/'));
    rest_.remove_prefix(segment.size());
    return segment;
  }

 private:
  std::string_view rest_;
};

bool is_parameter(std::string_view segment) {
  return segment.starts_with('{') && segment.ends_with('}');
}

// For each segment whether it is a parameter: the smallest such list belongs to the most literal pattern.
std::vector<bool> shape(const std::vector<std::string>& pattern) {
  std::vector<bool> parameters(pattern.size());
  std::transform(pattern.begin(), pattern.end(), parameters.begin(), is_parameter);
  return parameters;
}

Response no_content(std::string allow) {
  Response response;
  response.status = 204;
  response.headers.emplace_back("Allow", std::move(allow));
  return response;
}

boost::asio::awaitable<Response> answered(Response response) {
  co_return response;
}

}  // namespace

Router::Resource& Router::resource_of(std::string_view method, std::string_view pattern) {
  routes_.emplace_back(method, pattern);
  auto known = std::find_if(resources_.begin(), resources_.end(),
                            [&](const Resource& resource) { return resource.pattern == pattern; });
  if (known == resources_.end()) {
    Resource resource{std::string(pattern), std::string(pattern.substr(0, pattern.find('{'))), {}, false, {}};
    for (Segments segments(pattern); !segments.done();) resource.segments.emplace_back(segments.next());
    const auto place = std::find_if(resources_.begin(), resources_.end(), [&](const Resource& other) {
      return shape(resource.segments) < shape(other.segments);
    });
    known = resources_.insert(place, std::move(resource));
  }
  return *known;
}

void Router::add(std::string_view method, std::string_view pattern, Handler handler) {
  resource_of(method, pattern).handlers.emplace_back(method, std::move(handler));
}

void Router::add_below(std::string_view method, std::string_view pattern, Handler handler) {
  Resource& resource = resource_of(method, pattern);
  resource.takes_rest = true;
  resource.handlers.emplace_back(method, std::move(handler));
}

bool Router::matches(const Resource& resource, std::string_view path) {
  if (!path.starts_with(resource.literal)) return false;
  if (resource.literal.size() == resource.pattern.size()) return path.size() == resource.literal.size();
  Segments given(path);
  for (const std::string& expected : resource.segments) {
    if (given.done()) return false;
    if (resource.takes_rest && &expected == &resource.segments.back()) return !given.rest().empty();
    const std::string_view segment = given.next();
    if (is_parameter(expected) ? segment.empty() : expected != segment) return false;
  }
  return given.done();
}

const Router::Resource* Router::match(std::string_view path) const {
  const auto found = std::find_if(resources_.begin(), resources_.end(),
                                  [&](const Resource& resource) { return matches(resource, path); });
  return found == resources_.end() ? nullptr : &*found;
}

// Of all resources, when it is none of them.
std::string Router::allow(const Resource* resource) const {
  std::set<std::string_view> methods = {"OPTIONS"};
  for (const auto& [method, pattern] : routes_) {
    if (resource != nullptr && pattern != resource->pattern) continue;
    methods.insert(method);
    if (method == "GET") methods.insert("HEAD");
  }
  std::string list;
  for (const std::string_view method : methods) {
    if (!list.empty()) list += ", ";
    list += method;
  }
  return list;
}

boost::asio::awaitable<Response> Router::handle(Request& request) const {
  if (request.path == "*" && request.method == "OPTIONS") return answered(no_content(allow(nullptr)));
  const Resource* resource = match(request.path);
  if (resource == nullptr) {
    return answered(problem(ProblemKind::kNotFound, "there is no resource " + request.path, request.path));
  }
  const auto with_method = [&](std::string_view method) {
    return std::find_if(resource->handlers.begin(), resource->handlers.end(),
                        [&](const auto& handler) { return handler.first == method; });
  };
  auto found = with_method(request.method);
  if (found == resource->handlers.end() && request.method == "HEAD") found = with_method("GET");
  if (found == resource->handlers.end()) {
    const std::string allowed = allow(resource);
    if (request.method == "OPTIONS") return answered(no_content(allowed));
    Response refusal = problem(
        ProblemKind::kMethodNotAllowed,
        request.method + " is not allowed on " + request.path + "; allowed: " + allowed, request.path);
    refusal.headers.emplace_back("Allow", allowed);
    return answered(std::move(refusal));
  }

  request.parameters.clear();
  Segments given(request.path);
  for (const std::string& segment : resource->segments) {
    const bool rest = resource->takes_rest && &segment == &resource->segments.back();
    const std::string_view value = rest ? given.rest() : given.next();
    if (is_parameter(segment)) request.parameters[segment.substr(1, segment.size() - 2)] = value;
  }
  return found->second(request);
}

Handler Router::handler() const {
  return [this](Request& request) { return handle(request); };
}

std::string_view Router::pattern_of(std::string_view path) const {
  const Resource* resource = match(path);
  return resource == nullptr ? std::string_view() : resource->pattern;
}

}  // namespace storagepool::http
