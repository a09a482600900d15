#include "operator/kube/transport/config.h"

#include <algorithm>
#include <cstdlib>

#include "operator/kube/transport/url.h"
#include "pool/common/runtime/files.h"

namespace storagepool::kube {
namespace {

std::string trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

// Whatever may stand in a header as it is: visible ASCII.
bool is_header_value(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

tl::expected<std::string, std::string> read_config_file(const std::string& path) {
  return runtime::read_file(path, kMaxKubeconfigBytes);
}

tl::expected<ClientConfig, std::string> parse_in_cluster(std::string_view host, std::string_view port,
                                                         const std::string& folder,
                                                         const FileReader& reader) {
  if (host.empty() || port.empty()) {
    return tl::unexpected(
        std::string("not inside a cluster (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set): "
                    "give --kubeconfig "
                    "or set KUBECONFIG"));
  }
  ClientConfig config;
  // The HTTP library connects to no IPv6 literal; the service's name stands for the same address and
  // certificate.
  const bool v6 = host.find(':') != std::string_view::npos;
  config.server = "https://" + (v6 ? "kubernetes.default.svc" : std::string(host)) + ":" + std::string(port);
  if (auto server = split_server(config.server, "KUBERNETES_SERVICE_HOST/PORT"); !server) {
    return tl::unexpected(server.error());
  }
  config.token_file = folder + "/token";
  if (auto token = reader(config.token_file); !token) return tl::unexpected(token.error());
  auto ca = reader(folder + "/ca.crt");
  if (!ca) return tl::unexpected(ca.error());
  config.ca_pem = std::move(*ca);
  if (auto name_space = reader(folder + "/namespace")) config.name_space = trim(*name_space);
  return config;
}

tl::expected<ClientConfig, std::string> load_config(const std::string& kubeconfig) {
  std::string path = kubeconfig;
  if (path.empty()) {
    if (const char* variable = std::getenv("KUBECONFIG")) path = variable;
  }
  if (!path.empty()) {
    auto text = read_config_file(path);
    if (!text) return tl::unexpected("kubeconfig: " + text.error());
    return parse_kubeconfig(*text, path, read_config_file);
  }
  const char* host = std::getenv("KUBERNETES_SERVICE_HOST");
  const char* port = std::getenv("KUBERNETES_SERVICE_PORT");
  return parse_in_cluster(host ? host : "", port ? port : "", std::string(kServiceAccountFolder),
                          read_config_file);
}

TokenSource::TokenSource(std::string token, std::string token_file, FileReader reader)
    : token_(std::move(token)), token_file_(std::move(token_file)), reader_(std::move(reader)) {}

tl::expected<std::string, std::string> TokenSource::token(std::chrono::steady_clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (token_file_.empty()) return token_;
  if (expired_ || !read_at_ || now - *read_at_ >= kTokenReadInterval) {
    auto text = reader_(token_file_);
    if (text) *text = trim(*text);
    if (text && is_header_value(*text)) {
      token_ = std::move(*text);
      read_at_ = now;
      expired_ = false;
    } else if (!read_at_ && token_.empty()) {
      return tl::unexpected("bearer token: " +
                            (text ? token_file_ + ": empty, or not a token" : text.error()));
    }
  }
  return token_;
}

void TokenSource::expire() {
  const std::lock_guard lock(mutex_);
  expired_ = true;
}

}  // namespace storagepool::kube
