// Times as Kubernetes writes them: RFC 3339 in UTC with whole seconds, "2026-01-31T12:00:00Z".
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace storagepool::reconcile {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

std::string format_time(WallTime time);
std::optional<WallTime> parse_time(std::string_view text);

}  // namespace storagepool::reconcile
