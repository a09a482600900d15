// The description of the HTTP interface against the running program: every operation is called with requests
// made from the description's own examples until each of its statuses has been seen, every answer looks as
// described, and no answer is seen that is not described.
#include <algorithm>
#include <atomic>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/postgres/testing/server.h"
#include "pool/service/program_tests/testing/expired_entries.h"
#include "pool/service/program_tests/testing/openapi.h"
#include "pool/service/program_tests/testing/pod.h"
#include "pool/service/routes/openapi.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;
using testing::HttpHeaders;
using testing::HttpResponse;
using testing::Operation;
using testing::Pod;

using Parameters = std::map<std::string, std::string>;
using Seen = std::set<std::tuple<std::string, std::string, unsigned>>;

constexpr const char* kReader = "reader-token-0123456789abcdef0123456789";
constexpr const char* kWriter = "writer-token-0123456789abcdef0123456789";
constexpr const char* kAll = "token-of-all-0123456789abcdef0123456789";
const std::vector<std::string> kTokens = {"--auth-mode=Token"};
const std::string kBase = "/api/v1/audit/";

class OpenApiTest : public ::testing::Test {
 protected:
  OpenApiTest() : operations_(testing::read_openapi(std::string(openapi_document()))) {
    server_.superuser("ALTER ROLE app CREATEDB");  // for workspaces
  }

  void start(Pod& pod, const std::vector<std::string>& flags) {
    pod.write("auth/read", std::string(kReader) + "\n");
    pod.write("auth/write", std::string(kWriter) + "\n");
    pod.write("auth/tokens", std::string(kAll) + " all:read,write,admin,hold,sensitive\n");
    pod.start({}, flags);
  }

  static HttpHeaders headers(const Operation& operation, const std::string& authorization) {
    HttpHeaders all(operation.in_header.begin(), operation.in_header.end());
    // The example's key for one call, as each has a content of its own.
    static std::atomic<int> calls = 0;
    for (auto& [name, value] : all) {
      if (name == "Idempotency-Key") value += "-" + std::to_string(++calls);
    }
    if (!operation.body.empty()) all.emplace_back("Content-Type", "application/json");
    if (!authorization.empty()) all.emplace_back("Authorization", authorization);
    return all;
  }
  // With what an operation takes from who may do all of it.
  static HttpHeaders admitted(const Pod& pod, const Operation& operation, const std::string& target,
                              const std::string& body) {
    return headers(operation,
                   operation.port == 8082 ? pod.authorization(operation.method, target, body) : bearer(kAll));
  }
  static std::string bearer(const std::string& token) { return token.empty() ? "" : "Bearer " + token; }
  HttpResponse call(const Pod& pod, const Operation& operation, const std::string& target,
                    const HttpHeaders& headers, const std::string& body) {
    HttpResponse response = pod.send(operation.port, operation.method, target, headers, body);
    const auto described = operation.answers.find(response.status);
    const std::string what = operation.method + " " + target + ": " + std::to_string(response.status) + " " +
                             response.body.substr(0, 500);
    if (described == operation.answers.end()) {
      ADD_FAILURE() << "not described: " << what;
      return response;
    }
    {
      const std::lock_guard lock(mutex_);
      seen_.emplace(operation.method, operation.path, response.status);
    }
    const auto& answer = described->second;
    if (answer.content_type.empty()) {
      EXPECT_EQ(response.body, "") << what;
      return response;
    }
    const std::string type =
        response.headers.count("content-type") ? response.headers.at("content-type") : "";
    EXPECT_EQ(type.substr(0, type.find(';')), answer.content_type) << what;
    for (const std::string& member : answer.required) {
      EXPECT_TRUE(json::parse(response.body, nullptr, false).contains(member)) << member << " in " << what;
    }
    return response;
  }
  HttpResponse call(const Pod& pod, const Operation& operation, const Parameters& parameters = {}) {
    const std::string target = operation.target(parameters) + operation.query();
    const std::string content = operation.body_of_now();
    return call(pod, operation, target, admitted(pod, operation, target, content), content);
  }
  const Operation& find(const std::string& method, const std::string& path) const {
    const Operation* found = testing::find_operation(operations_, method, path);
    if (found == nullptr) throw std::runtime_error("not described: " + method + " " + path);
    return *found;
  }
  // Every operation that describes this status.
  std::vector<const Operation*> with(unsigned status) const {
    std::vector<const Operation*> all;
    for (const Operation& operation : operations_) {
      if (operation.answers.contains(status)) all.push_back(&operation);
    }
    return all;
  }

  void every_operation_succeeds(Pod& pod);
  void refusals(Pod& pod);
  void legal_holds_stand(Pod& pod);
  void an_event_was_changed(Pod& pod);
  void repeats_with_other_content(Pod& pod);
  void workspaces_end(Pod& pod);
  void entries_are_pruned();
  void too_many_requests();
  void postgresql_is_away();

  std::vector<Operation> operations_;
  postgres::testing::Server server_;
  std::mutex mutex_;
  Seen seen_;
};

void OpenApiTest::every_operation_succeeds(Pod& pod) {
  const Operation& create_workspace = find("PUT", "/api/v1/workspaces/x");
  EXPECT_EQ(call(pod, create_workspace).status, 201U);
  EXPECT_EQ(call(pod, create_workspace).status, 200U);
  for (const Operation& operation : operations_) {
    if (operation.method == "DELETE") continue;
    Parameters parameters;
    if (operation.in_path.contains("event_id")) {
      const std::string target = operation.target();
      const std::string events = target.substr(0, target.find("/events/") + 7);
      const auto created = call(pod, find("POST", events));
      parameters["event_id"] = json::parse(created.body).at("event_id");
    }
    auto response = call(pod, operation, parameters);
    const auto sealed = [&] { return (response = call(pod, operation, parameters)).status == 200; };
    const bool of_log = operation.path.find("/log/") != std::string::npos ||
                        operation.path.ends_with("/proof") || operation.path.ends_with("/verify-chain") ||
                        operation.path.ends_with("/feed");
    if (of_log && response.status >= 300) {
      EXPECT_TRUE(eventually(sealed)) << response.body;
    }
    EXPECT_LT(response.status, 300U) << operation.method << " " << operation.path << ": " << response.body;
  }
}

void OpenApiTest::refusals(Pod& pod) {
  for (const Operation* operation : with(400)) {
    Parameters parameters;
    std::string bad_body = operation->body.empty() ? "" : "{";
    std::string bad_query = operation->in_query.empty() ? "" : "?limit=0";
    if (bad_body.empty() && bad_query.empty()) {
      parameters[operation->in_path.contains("event_id") ? "event_id" : "workspace"] = "Not_One";
    }
    const std::string target = operation->target(parameters) + bad_query;
    const auto response =
        call(pod, *operation, target, admitted(pod, *operation, target, bad_body), bad_body);
    EXPECT_EQ(response.status, 400U) << operation->method << " " << operation->path;
  }
  for (const Operation* operation : with(401)) {
    for (const char* unknown : {"", "unknown-token"}) {
      const auto response = call(pod, *operation, operation->target(), headers(*operation, bearer(unknown)),
                                 operation->body.empty() ? "" : "{");
      EXPECT_EQ(response.status, 401U) << operation->method << " " << operation->path;
      EXPECT_TRUE(response.headers.contains("www-authenticate")) << operation->path;
    }
  }
  for (const Operation* operation : with(403)) {
    const bool reads = operation->method == "GET" || operation->path.ends_with("/verify-chain");
    const std::string other = bearer(reads ? kWriter : kReader);
    const auto response = call(pod, *operation, operation->target() + operation->query(),
                               headers(*operation, other), operation->body_of_now());
    EXPECT_EQ(response.status, 403U) << operation->method << " " << operation->path;
  }
  for (const Operation* operation : with(404)) {
    const Parameters parameters = {
        {"workspace", "nowhere"}, {"tile", "0/x001/000"}, {"correlation_id", "none"}};
    const std::string target = operation->target(parameters) + operation->query();
    json content = json::parse(operation->body_of_now(), nullptr, false);
    if (content.is_object() && operation->path.ends_with("/legal-hold")) content["correlation_id"] = "none";
    const std::string text = content.is_discarded() ? "" : content.dump();
    const auto response = call(pod, *operation, target, admitted(pod, *operation, target, text), text);
    EXPECT_EQ(response.status, 404U) << operation->method << " " << operation->path;
  }
  for (const Operation* operation : with(413)) {
    if (operation->body.empty()) {
      EXPECT_EQ(
          call(pod, *operation, operation->target() + "?limit=10001", headers(*operation, bearer(kAll)), "")
              .status,
          413U)
          << operation->path;
      continue;
    }
    const std::string large(std::size_t{6} << 20, ' ');
    const auto response = call(pod, *operation, operation->target(), headers(*operation, ""), large);
    EXPECT_EQ(response.status, 413U) << operation->method << " " << operation->path;
  }
  for (const Operation* operation : with(415)) {
    const std::string content = operation->body_of_now();
    HttpHeaders coded = admitted(pod, *operation, operation->target(), content);
    coded.emplace_back("Content-Encoding", "br");
    const auto response = call(pod, *operation, operation->target(), coded, content);
    EXPECT_EQ(response.status, 415U) << operation->method << " " << operation->path;
    EXPECT_TRUE(response.headers.contains("accept-encoding")) << operation->path;
  }
  const Operation& put_settings = find("PUT", "/admin/settings");
  const std::string again = R"({"generation":1,"settings":{"maxOpenConns":3}})";
  const auto conflict = call(pod, put_settings, put_settings.target(),
                             admitted(pod, put_settings, put_settings.target(), again), again);
  EXPECT_EQ(conflict.status, 409U);
  const Operation& change = find("POST", "/admin/journal");
  const std::string drop = R"({"action":"drop","sequences":[1]})";
  const auto unconfirmed =
      call(pod, change, change.target(), admitted(pod, change, change.target(), drop), drop);
  EXPECT_EQ(unconfirmed.status, 409U);
}

void OpenApiTest::legal_holds_stand(Pod& pod) {
  EXPECT_EQ(call(pod, find("DELETE", "/api/v1/workspaces/x")).status, 409U);
  const Operation& place = find("POST", "/api/v1/audit/legal-hold");
  server_.superuser(
      "INSERT INTO audit_legal_holds SELECT gen_random_uuid(), 'other', 'r', 'p', now(), 1 FROM "
      "generate_series(1, 10000)",
      "audit");
  EXPECT_EQ(call(pod, place).status, 409U);
  server_.superuser("DELETE FROM audit_legal_holds WHERE correlation_id = 'other'", "audit");
  for (const std::string base : {"/api/v1/audit", "/api/v1/workspaces/x/audit"}) {
    const json created = json::parse(call(pod, find("POST", base + "/events")).body);
    const Operation& erase = find("DELETE", base + "/events/x/data");
    const Parameters event = {{"event_id", created.at("event_id")}};
    EXPECT_EQ(call(pod, erase, event).status, 409U) << base;
    EXPECT_EQ(call(pod, find("DELETE", base + "/legal-hold/x")).status, 200U) << base;
    EXPECT_EQ(call(pod, erase, event).status, 200U) << base;
  }
}

void OpenApiTest::an_event_was_changed(Pod& pod) {
  const auto created = call(pod, find("POST", "/api/v1/audit/events"));
  const std::string id = json::parse(created.body).at("event_id");
  server_.superuser("UPDATE audit_events SET batch = NULL WHERE event_id = '" + id + "'", "audit");
  const auto response = call(pod, find("GET", "/api/v1/audit/events/x/proof"), {{"event_id", id}});
  EXPECT_EQ(response.status, 409U);
}

void OpenApiTest::entries_are_pruned() {
  const postgres::testing::Server server;
  Pod pod(server.connect_options());
  pod.token = kAll;
  start(pod, kTokens);
  ASSERT_TRUE(testing::prune_expired(server, pod)) << pod.log();
  for (const auto& [path, rest, status] : {std::tuple{"log/tile/x", "log/tile/0/000", 410U},
                                           {"feed", "feed?from=1.1.1.00000000", 410U},
                                           {"feed", "feed?from=1.1.300.00000000", 409U}}) {
    const Operation& one = find("GET", kBase + path);
    EXPECT_EQ(call(pod, one, kBase + rest, headers(one, bearer(kAll)), "").status, status);
  }
}

void OpenApiTest::repeats_with_other_content(Pod& pod) {
  for (const Operation* operation : with(422)) {
    const std::string target = operation->target();
    const HttpHeaders one_key = headers(*operation, bearer(kAll));
    EXPECT_EQ(call(pod, *operation, target, one_key, operation->body_of_now()).status, 201U) << target;
    EXPECT_EQ(call(pod, *operation, target, one_key, operation->body_of_now()).status, 422U) << target;
    json with_id = json::parse(operation->body_of_now());
    json& event = with_id.is_array() ? with_id.at(0) : with_id;
    event["event_id"] = "3f0e8c1a-0000-4000-8000-" + std::to_string(100'000'000'000 + with_id.size());
    const auto create = [&] {
      return call(pod, *operation, target, headers(*operation, bearer(kAll)), with_id.dump()).status;
    };
    EXPECT_EQ(create(), 201U) << target;
    event["event_action"] = "other";
    EXPECT_EQ(create(), 409U) << target;
  }
}

void OpenApiTest::workspaces_end(Pod& pod) {
  const Operation& remove = find("DELETE", "/api/v1/workspaces/x");
  EXPECT_EQ(call(pod, remove).status, 202U);
  for (const Operation* operation : with(409)) {
    if (!operation->in_path.contains("workspace") || operation == &remove) continue;
    EXPECT_EQ(call(pod, *operation).status, 409U) << operation->method << " " << operation->path;
  }
  EXPECT_TRUE(eventually([&] { return call(pod, remove).status == 204; })) << pod.log();
}

void OpenApiTest::too_many_requests() {
  Pod pod(server_.connect_options());
  std::vector<std::string> flags = kTokens;  // who is not admitted is 401 at any rate
  flags.insert(flags.end(), {"--rate-limit=0.01", "--rate-limit-burst=1"});
  start(pod, flags);
  for (const Operation* operation : with(429)) {
    EXPECT_TRUE(eventually([&] {
      const auto response = call(pod, *operation);
      return response.status == 429 && response.headers.contains("retry-after");
    })) << operation->path;
  }
}

void OpenApiTest::postgresql_is_away() {
  Pod journalling(server_.connect_options());
  start(journalling, kTokens);
  ASSERT_TRUE(journalling.becomes_ready()) << journalling.log();
  EXPECT_EQ(call(journalling, find("PUT", "/api/v1/workspaces/x")).status, 201U);
  for (const Operation* operation : with(201)) {
    if (operation->method != "POST") continue;
    EXPECT_EQ(call(journalling, *operation).status, 201U);
  }
  server_.stop();
  EXPECT_TRUE(journalling.reports("unreachable"));
  for (const Operation* operation : with(201)) {
    if (operation->method != "POST") continue;
    const bool batch = operation->path.ends_with("/batch");
    EXPECT_EQ(call(journalling, *operation).status, batch ? 201U : 202U) << operation->path;
  }
  EXPECT_EQ(journalling.stop(), 0) << journalling.log();
  Pod pod(server_.connect_options());
  std::vector<std::string> flags = kTokens;
  flags.emplace_back("--journal-max-bytes=0");
  start(pod, flags);
  EXPECT_TRUE(pod.reports("unreachable"));
  std::vector<std::thread> clients;  // each waits for PostgreSQL for a while
  for (const Operation* operation : with(503)) {
    clients.emplace_back([&, operation] {
      const auto response = call(pod, *operation);
      EXPECT_EQ(response.status, 503U) << operation->method << " " << operation->path;
      EXPECT_TRUE(operation->port != 8080 || response.headers.contains("retry-after")) << operation->path;
    });
  }
  for (std::thread& client : clients) client.join();
}

TEST_F(OpenApiTest, EveryRouteAndStatusIsDescribedAndNothingElseIsSeen) {
  {
    Pod pod(server_.connect_options());
    start(pod, kTokens);
    ASSERT_TRUE(pod.becomes_ready()) << pod.log();
    EXPECT_EQ(call(pod, find("GET", "/openapi.yaml")).body, openapi_document());
    every_operation_succeeds(pod);
    refusals(pod);
    legal_holds_stand(pod);
    an_event_was_changed(pod);
    repeats_with_other_content(pod);
    workspaces_end(pod);
  }
  entries_are_pruned();
  too_many_requests();
  postgresql_is_away();

  Seen described;
  for (const Operation& operation : operations_) {
    for (const auto& [status, answer] : operation.answers) {
      described.emplace(operation.method, operation.path, status);
    }
  }
  Seen missing;
  std::set_difference(described.begin(), described.end(), seen_.begin(), seen_.end(),
                      std::inserter(missing, missing.end()));
  EXPECT_TRUE(missing.empty()) << "described and not seen: " << ::testing::PrintToString(missing);
}

// OPTIONS tells every method of a path: those described, and no others.
TEST_F(OpenApiTest, DescribesEveryMethodOfEveryPath) {
  Pod pod(server_.connect_options());
  start(pod, kTokens);
  std::map<std::pair<std::uint16_t, std::string>, std::set<std::string>> methods;
  for (const Operation& operation : operations_) {
    auto& of_path = methods[{operation.port, operation.target()}];
    of_path.insert({operation.method, "OPTIONS"});
    if (operation.method == "GET") of_path.insert("HEAD");
  }
  for (const auto& [place, expected] : methods) {
    const std::string token = place.first == 8082 ? pod.authorization("OPTIONS", place.second) : bearer(kAll);
    const HttpHeaders headers = {{"Authorization", token}};
    const auto response = pod.send(place.first, "OPTIONS", place.second, headers);
    EXPECT_EQ(response.status, 204U) << place.second;
    std::string allow;
    for (const std::string& method : expected) allow += (allow.empty() ? "" : ", ") + method;
    EXPECT_EQ(response.headers.count("allow") ? response.headers.at("allow") : "", allow) << place.second;
  }
}

}  // namespace
}  // namespace storagepool::service
