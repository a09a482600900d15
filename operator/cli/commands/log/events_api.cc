#include "operator/cli/commands/log/events_api.h"

#include <cctype>
#include <chrono>
#include <thread>

#include <CLI/CLI.hpp>

#include "operator/cli/commands/pools.h"
#include "operator/render/render.h"
#include "pool/common/encoding/encoding.h"
#include "pool/common/json/json.h"
#include "pool/common/runtime/files.h"

namespace storagepool::cli {
namespace {

constexpr std::size_t kMostTokenBytes = 16'384;
constexpr std::size_t kMostCertificateBytes = 1 << 20;
// What was stored is in the log about a second later, in a workspace some.
constexpr std::chrono::milliseconds kUntilSealed{500};
constexpr int kMostLooks = 20;

// Whom to trust, where the API speaks TLS: --ca-file, else `ca.crt` of its Secret, as cert-manager writes it,
// else the certificate in it.
Result<std::optional<Tls>> tls_of(const Cluster& cluster, const Pool& pool, const Given& given) {
  const std::string secret = json::text_at(pool.object, "/spec/tls/secretRef/name");
  if (secret.empty()) return std::nullopt;
  Tls tls{.trusted = {},
          .server_name =
              given.server_name.empty() ? pool.name + "." + pool.name_space + ".svc" : given.server_name};
  if (!given.ca_file.empty()) {
    const auto text = runtime::read_file(given.ca_file, kMostCertificateBytes);
    if (!text) return tl::unexpected(Failure{FailureKind::kUnreadable, text.error()});
    tls.trusted = *text;
    return tls;
  }
  for (const char* key : {"ca\\.crt", "tls\\.crt"}) {
    // Not the whole Secret: its key is nobody's business here.
    auto text = cluster.run(
        {"get", "secret", secret, "-n", pool.name_space, std::string("-o=jsonpath={.data.") + key + "}"});
    if (!text) {
      if (text.error().kind == FailureKind::kForbidden)
        text.error().message += "; give the authority of the API's certificate by --ca-file";
      return tl::unexpected(text.error());
    }
    const auto decoded = encoding::decode_base64(*text);
    if (!decoded || decoded->empty()) continue;
    tls.trusted = *decoded;
    return tls;
  }
  return tl::unexpected(Failure{FailureKind::kUnreadable, "the Secret " + secret + " in " + pool.name_space +
                                                              " has neither ca.crt nor tls.crt"});
}

}  // namespace

Result<Api> Api::open(const Context& context, const Given& given) {
  const auto pools = get_pools(context, {given.name});
  if (!pools) return tl::unexpected(pools.error());
  if (pools->empty())
    return tl::unexpected(Failure{FailureKind::kNotFound, "there is no StoragePool " + given.name});
  const Pool& pool = pools->front();
  const auto tls = tls_of(*context.cluster, pool, given);
  if (!tls) return tl::unexpected(tls.error());
  Api api(context, given, pool.name_space);
  if (auto failure = api.renew_token()) return tl::unexpected(std::move(*failure));
  auto port = context.cluster->open_port(pool.name_space, "service/" + pool.name, render::kApiPort, *tls);
  if (!port) return tl::unexpected(port.error());
  api.port_ = std::move(*port);
  return api;
}

Result<PodAnswer> Api::send(PodRequest request) {
  request.token = token_;
  auto answer = port_->send(request);
  if (answer && answer->status == 401 && given_->token_file.empty()) {
    if (auto failure = renew_token()) return tl::unexpected(std::move(*failure));
    request.token = token_;
    answer = port_->send(request);
  }
  if (!answer)
    return tl::unexpected(
        Failure{FailureKind::kOther, request.method + " " + request.path + ": " + answer.error()});
  return std::move(*answer);
}

Result<std::string> Api::read(const std::string& path) {
  auto answer = get(path);
  if (!answer) return tl::unexpected(answer.error());
  if (answer->status != kOk)
    return tl::unexpected(Failure{FailureKind::kOther, "GET " + path + ": " + words_of(*answer)});
  return std::move(answer->body);
}

Result<std::string> Api::proof(const std::string& workspace, const std::string& event_id, std::string& why) {
  for (int looks = 1;; ++looks) {
    auto answer = get(base_of(workspace) + "/events/" + event_id + "/proof");
    if (!answer) return tl::unexpected(answer.error());
    if (answer->status == kOk) return std::move(answer->body);
    why = words_of(*answer);
    const bool soon = answer->status == kConflict && answer->body.find("not-sealed-yet") != std::string::npos;
    if (answer->status != kConflict && answer->status != kNotFound)
      return tl::unexpected(Failure{FailureKind::kOther, "the proof of event " + event_id + ": " + why});
    if (!soon || looks == kMostLooks) return std::string();
    std::this_thread::sleep_for(kUntilSealed);
  }
}

Result<Json> Api::page(const std::vector<std::pair<std::string, std::string>>& more) {
  const auto text = read(path_of(given_->query, more));
  if (!text) return tl::unexpected(text.error());
  Json body = Json::parse(*text, nullptr, false);
  if (!body.is_object()) return tl::unexpected(Failure{FailureKind::kUnreadable, "the answer is no JSON"});
  return body;
}

std::optional<Failure> Api::renew_token() {
  Result<std::string> token;
  if (given_->token_file.empty()) {
    token = context_->cluster->run({"create", "token", given_->service_account, "-n", name_space_,
                                    "--audience=storagepool.dev/" + name_space_ + "/" + given_->name});
    if (!token && token.error().kind == FailureKind::kForbidden)
      token.error().message +=
          "; the right that is missing is create of serviceaccounts/token, or give a --token-file";
  } else {
    const auto text = runtime::read_file(given_->token_file, kMostTokenBytes);
    if (!text) return Failure{FailureKind::kUnreadable, text.error()};
    token = *text;
  }
  if (!token) return token.error();
  token_ = *token;
  while (!token_.empty() && std::isspace(static_cast<unsigned char>(token_.back())) != 0) token_.pop_back();
  return std::nullopt;
}

void add_access(CLI::App& command, const std::shared_ptr<Given>& given) {
  command.add_option("--service-account", given->service_account, "Whose token is made for it")
      ->capture_default_str();
  command.add_option("--token-file", given->token_file, "File with a token, instead");
  command.add_option("--ca-file", given->ca_file,
                     "File with the authority of the API's certificate; without it the StoragePool's Secret");
  command.add_option("--server-name", given->server_name,
                     "Name in the API's certificate (NAME.NAMESPACE.svc)");
}

}  // namespace storagepool::cli
