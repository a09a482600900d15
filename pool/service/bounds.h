// The bounds of the program's parts, from its options. Pure.
#pragma once

#include <cstddef>
#include <optional>

#include "pool/common/http/server.h"
#include "pool/ingest/ingest.h"
#include "pool/service/config/options.h"
#include "pool/tables/partitions.h"
#include "pool/workspaces/workspaces.h"

namespace storagepool::service {

http::Limits small_requests();  // of the ports for probes, scrapers and the operator
http::Limits api_limits(const Options& options);
tables::PartitionSettings partition_settings(const Options& options);
workspaces::Options workspace_options(const Options& options);
ingest::Limits ingest_limits(const Options& options);
// How many threads beside the program's own have the connections of the API: as the options say, else one for
// each whole CPU of the limit but the first.
std::size_t http_threads(const Options& options, std::optional<double> cpu_limit);

}  // namespace storagepool::service
