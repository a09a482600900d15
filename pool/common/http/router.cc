#include "pool/common/http/router.h"

#include <algorithm>
#include <set>
#include <utility>

#include "pool/common/http/problem.h"

namespace storagepool::http {
namespace {

// "/a/b" is {"a", "b"}; "/" is {""} and "/a/" is {"a", ""}, so that a trailing slash names another resource.
std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  if (!path.starts_with('/')) return segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

bool is_parameter(std::string_view segment) {
  return segment.starts_with('{') && segment.ends_with('}');
}

bool matches(const std::vector<std::string>& pattern, const std::vector<std::string_view>& path) {
  return std::equal(pattern.begin(), pattern.end(), path.begin(), path.end(),
                    [](const std::string& expected, std::string_view given) {
                      return is_parameter(expected) ? !given.empty() : expected == given;
                    });
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

}  // namespace

void Router::add(std::string_view method, std::string_view pattern, Handler handler) {
  Route route{std::string(method), std::string(pattern), {}, std::move(handler)};
  for (const std::string_view segment : split(pattern)) route.segments.emplace_back(segment);
  routes_.push_back(std::move(route));
}

std::vector<const Router::Route*> Router::match(const std::vector<std::string_view>& path) const {
  std::vector<const Route*> best;
  for (const Route& route : routes_) {
    if (!matches(route.segments, path)) continue;
    if (!best.empty()) {
      const auto mine = shape(route.segments);
      const auto theirs = shape(best.front()->segments);
      if (theirs < mine) continue;
      if (mine < theirs) best.clear();
    }
    best.push_back(&route);
  }
  return best;
}

std::string Router::allow(const std::vector<const Route*>& routes) {
  std::set<std::string_view> methods = {"OPTIONS"};
  for (const Route* route : routes) {
    methods.insert(route->method);
    if (route->method == "GET") methods.insert("HEAD");
  }
  std::string list;
  for (const std::string_view method : methods) {
    if (!list.empty()) list += ", ";
    list += method;
  }
  return list;
}

boost::asio::awaitable<Response> Router::handle(Request request) const {
  std::vector<const Route*> routes;
  if (request.path == "*" && request.method == "OPTIONS") {
    for (const Route& route : routes_) routes.push_back(&route);
  } else {
    routes = match(split(request.path));
  }
  if (routes.empty()) {
    co_return problem(ProblemKind::kNotFound, "there is no resource " + request.path, request.path);
  }
  const auto with_method = [&](std::string_view method) {
    return std::find_if(routes.begin(), routes.end(),
                        [&](const Route* route) { return route->method == method; });
  };
  auto found = with_method(request.method);
  if (found == routes.end() && request.method == "HEAD") found = with_method("GET");
  if (found == routes.end()) {
    const std::string allowed = allow(routes);
    if (request.method == "OPTIONS") co_return no_content(allowed);
    Response refusal = problem(
        ProblemKind::kMethodNotAllowed,
        request.method + " is not allowed on " + request.path + "; allowed: " + allowed, request.path);
    refusal.headers.emplace_back("Allow", allowed);
    co_return refusal;
  }

  const Route& route = **found;
  const auto path = split(request.path);
  std::map<std::string, std::string> parameters;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const std::string& segment = route.segments[i];
    if (is_parameter(segment)) parameters[segment.substr(1, segment.size() - 2)] = path[i];
  }
  request.parameters = std::move(parameters);
  Response response = co_await route.handler(std::move(request));
  co_return response;
}

Handler Router::handler() const {
  return [this](Request request) { return handle(std::move(request)); };
}

std::string_view Router::pattern_of(std::string_view path) const {
  const auto routes = match(split(path));
  return routes.empty() ? std::string_view() : routes.front()->pattern;
}

std::vector<std::pair<std::string, std::string>> Router::routes() const {
  std::vector<std::pair<std::string, std::string>> all;
  all.reserve(routes_.size());
  for (const Route& route : routes_) all.emplace_back(route.method, route.pattern);
  return all;
}

}  // namespace storagepool::http
