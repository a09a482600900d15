// Points in time as audit events carry them: see pool/runtime/timestamp.h.
#pragma once

#include "pool/runtime/timestamp.h"

namespace storagepool::audit {

using runtime::Date;
using runtime::date_of;
using runtime::format_date;
using runtime::format_seconds;
using runtime::format_timestamp;
using runtime::parse_date;
using runtime::parse_timestamp;
using runtime::Timestamp;

}  // namespace storagepool::audit
