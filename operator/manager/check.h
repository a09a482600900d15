// `storagepool-operator check`: whether an installation works, from a pod of its namespace with its service
// account. The chart's test (`helm test`) runs it.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include <tl/expected.hpp>

#include "operator/kube/transport/transport.h"
#include "operator/manager/options.h"

namespace storagepool::manager {

// Whether the API server has the CRD in the version that this program needs, and lets its caller list it;
// else why not, for people.
tl::expected<void, std::string> check_storage_pools(kube::Transport& transport,
                                                    const std::string& name_space = {});

// Whether /metrics answers there with 200 within some seconds: behind a Service, whether an operator is
// ready.
tl::expected<void, std::string> check_metrics(const std::string& host, std::uint16_t port);

// Writes a line for each of the two (the second only with options.to_check->metrics_host) to `out`. The exit
// code: 0, 1 when one of them is not so, 2 when there is no usable way to the API server in the options.
int check(const Options& options, std::ostream& out, std::ostream& error);

}  // namespace storagepool::manager
