// Where the Kubernetes API server is and how to log in: from the pod's service account (in-cluster) or a
// kubeconfig file. Parsing is pure; files the configuration refers to are read through a function the caller
// gives. Errors name the file and the field and never show a secret. Source: "Accessing the API from a Pod";
// client-go's clientcmd v1.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace storagepool::kube {

inline constexpr std::size_t kMaxKubeconfigBytes = 1u << 20;
inline constexpr std::chrono::seconds kTokenReadInterval{60};

struct ClientConfig {
  std::string server;            // "https://10.0.0.1:443", no path, no trailing slash
  std::string path_prefix = {};  // for a server behind a path, e.g. "/k8s/clusters/c1"; else empty
  std::string tls_server_name =
      {};  // expected in the certificate instead of the server's host; empty: the host
  bool insecure_skip_tls_verify = false;
  std::string ca_pem = {};  // one or more certificates; the only ones trusted
  std::string client_certificate_pem = {};
  std::string client_key_pem = {};
  std::string token = {};
  std::string token_file = {};  // re-read at least every kTokenReadInterval; wins over `token`
  std::string name_space = {};  // of the context or of the pod; empty: not given
};

// Reads a whole file, or says why not.
using FileReader = std::function<tl::expected<std::string, std::string>(const std::string& path)>;
// From the disk, regular files of at most kMaxKubeconfigBytes.
tl::expected<std::string, std::string> read_config_file(const std::string& path);

// `text` is the kubeconfig, `path` its name (errors, and the folder that relative file names start from).
// Exec and auth-provider plugins, user names with passwords, and proxies are refused with what to use
// instead.
tl::expected<ClientConfig, std::string> parse_kubeconfig(std::string_view text, const std::string& path,
                                                         const FileReader& reader);

// From KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT (given) and the files below `folder`.
inline constexpr std::string_view kServiceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";
tl::expected<ClientConfig, std::string> parse_in_cluster(std::string_view host, std::string_view port,
                                                         const std::string& folder, const FileReader& reader);

// `kubeconfig` if not empty, else $KUBECONFIG (one file), else in-cluster.
tl::expected<ClientConfig, std::string> load_config(const std::string& kubeconfig);

// The bearer token to send now: the fixed one, or the file's content, re-read when kTokenReadInterval has
// passed or after `expire`. If a re-read fails the last good token is kept. Thread-safe.
class TokenSource {
 public:
  TokenSource(std::string token, std::string token_file, FileReader reader);
  // Empty value: no token is used. An error: there is a token file, but it never could be read.
  tl::expected<std::string, std::string> token(std::chrono::steady_clock::time_point now);
  void expire();  // after a 401

 private:
  std::mutex mutex_;
  std::string token_;
  std::string token_file_;
  FileReader reader_;
  std::optional<std::chrono::steady_clock::time_point> read_at_;
  bool expired_ = false;
};

}  // namespace storagepool::kube
