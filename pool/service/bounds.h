// The bounds of the program's parts, from its options. Pure.
#pragma once

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

}  // namespace storagepool::service
