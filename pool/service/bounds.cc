#include "pool/service/bounds.h"

#include <algorithm>
#include <chrono>

#include "pool/common/settings/config_file.h"
#include "pool/common/settings/service_limits.h"

namespace storagepool::service {
namespace {

// Each takes some 75 KiB for TLS (OpenSSL's state, and the buffers between it and the socket), where one
// without takes 5 or 12: so that they hold no more together.
constexpr std::size_t kMaxTlsConnections = 1024;

}  // namespace

http::Limits small_requests() {
  http::Limits limits;
  limits.body_bytes = settings::kMaxConfigBytes;
  limits.memory_bytes = std::size_t{16} * 1024 * 1024;
  limits.max_connections = 64;
  return limits;
}

http::Limits api_limits(const Options& options) {
  http::Limits limits;
  limits.keep_alive_timeout = options.keep_alive_timeout;
  limits.requests_per_second = options.requests_per_second;
  limits.burst = options.request_burst;
  limits.trusted_proxies = options.trusted_proxies;
  if (!options.tls_dir.empty()) limits.max_connections = kMaxTlsConnections;
  return limits;
}

// For as far back as validation lets events in.
tables::PartitionSettings partition_settings(const Options& options) {
  return {.oldest_event = std::chrono::ceil<std::chrono::hours>(options.event_times.past)};
}

workspaces::Options workspace_options(const Options& options) {
  workspaces::Options workspaces;
  workspaces.partitions = partition_settings(options);
  workspaces.indexes = options.indexes;
  return workspaces;
}

// With a journal to turn to, nothing is waited for that PostgreSQL has begun and does not end.
ingest::Limits ingest_limits(const Options& options) {
  ingest::Limits limits;
  if (options.journal_max_bytes > 0) limits.grace = std::chrono::milliseconds{1000};
  return limits;
}

std::size_t http_threads(const Options& options, std::optional<double> cpu_limit) {
  if (options.http_threads) return static_cast<std::size_t>(*options.http_threads);
  constexpr double kMost = settings::kMaxHttpThreads;
  return static_cast<std::size_t>(std::clamp(cpu_limit.value_or(1) - 1, 0.0, kMost));
}

}  // namespace storagepool::service
