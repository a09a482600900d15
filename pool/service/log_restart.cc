#include "pool/service/log_restart.h"

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/log.h"
#include "pool/service/routes/own_act.h"

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
  auto event = event_of(act, "storagepool-operator", runtime::wall_now());
  if (!event) co_return "the restart is no event";
  auto destination = co_await destinations.find_for_write("", deadline);
  if (!destination) co_return destination.error().detail;
  std::vector<event::Event> unit;
  unit.push_back(*std::move(event));
  const auto recorded = co_await recording.record(*destination, std::move(unit), deadline);
  if (!recorded) co_return recorded.error().detail;
  co_return std::nullopt;
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
