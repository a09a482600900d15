// `storagepool-operator sign`: how a person who may run it in the operator's pod sends requests to the
// administration port of a pod.
#pragma once

#include <iosfwd>

#include "operator/manager/options.h"

namespace storagepool::manager {

// Writes the token of options.to_sign, which is there, as one line. The exit code: 0, 1 when the operator's
// key cannot be read, 2 when there is no usable way to the API server in the options.
int print_token(const Options& options, std::ostream& out, std::ostream& error);

}  // namespace storagepool::manager
