// What /healthz answers: whether the operator is to be started anew.
#pragma once

#include "pool/common/http/router.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::manager {

// 200; 503 with the reasons while work hangs (pool/common/runtime/loop/bounded_work.h): a look, a watch, the
// Lease.
http::Response liveness(runtime::TimePoint now);

}  // namespace storagepool::manager
