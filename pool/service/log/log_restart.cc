#include "pool/service/log/log_restart.h"

#include <chrono>
#include <optional>
#include <utility>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/log.h"
#include "pool/service/routes/evidence/own_act.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using Error = std::optional<std::string>;

constexpr std::chrono::milliseconds kPatience{400};  // the operator waits for a second
constexpr const char* kType = "storagepool.log.restarted";

awaitable<Error> record(recording::Recording& recording, recording::Destinations& destinations,
                        const settings::LogFloor& floor, std::uint64_t size) {
  const auto deadline = runtime::steady_now() + kPatience;
  OwnAct act{.type = kType,
             .action = "restart",
             .correlation_id = std::string(kType) + "." + std::to_string(floor.restart->epoch),
             .actor_type = "service"};
  act.data = {{"epoch", floor.restart->epoch},
              {"size", size},
              {"checkpoint", floor.checkpoint},
              {"reason", floor.restart->reason}};
  co_return co_await record_own(recording, destinations, std::move(act), "storagepool-operator", deadline);
}

}  // namespace

awaitable<tl::expected<settings::LogReport, std::string>> report_log(LogUpkeep& log,
                                                                     recording::Recording& recording,
                                                                     recording::Destinations& destinations,
                                                                     settings::LogFloor floor) {
  if (!floor.restart) co_return co_await log.answer(std::move(floor));
  const auto from = co_await log.restart(floor.restart->epoch, true);
  if (!from) co_return tl::unexpected(from.error());
  if (*from) {
    const Error failed = co_await record(recording, destinations, floor, **from);
    if (failed) co_return tl::unexpected("the restart could not be stored as an event: " + *failed);
    const auto begun = co_await log.restart(floor.restart->epoch, false);
    if (!begun) co_return tl::unexpected(begun.error());
    log::warn("the log goes on in another epoch, as the operator was told",
              {{"epoch", floor.restart->epoch}, {"entries", **from}});
  }
  co_return co_await log.answer(std::move(floor));
}

}  // namespace storagepool::service
