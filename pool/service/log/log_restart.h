// What the operator says of the log, once more than LogUpkeep does by itself: a restart is an event besides.
#pragma once

#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/settings/admin_wire.h"
#include "pool/recording/destinations.h"
#include "pool/recording/recording.h"
#include "pool/service/log/log_upkeep.h"

namespace storagepool::service {

// Begins the epoch that is asked for where the log was rolled back: an event `storagepool.log.restarted`,
// which is one of the first entries of it, has the checkpoint that cannot be continued, the reason, and how
// many entries there are from which the log goes on. Then as LogUpkeep::answer. All that is referred to must
// be good until it ends.
boost::asio::awaitable<tl::expected<settings::LogReport, std::string>> report_log(
    LogUpkeep& log, recording::Recording& recording, recording::Destinations& destinations,
    settings::LogFloor floor);

}  // namespace storagepool::service
