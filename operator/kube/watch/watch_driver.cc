#include <algorithm>
#include <utility>

#include "operator/kube/watch/watch.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/log.h"
#include "pool/common/runtime/loop/pause.h"

namespace storagepool::kube {
namespace {

// How much longer than the server means to keep a watch open its silence is taken for slowness.
constexpr std::chrono::seconds kSilenceMargin{5};

bool is_object(WatchLine::Kind kind) {
  return kind == WatchLine::Kind::kAdded || kind == WatchLine::Kind::kModified ||
         kind == WatchLine::Kind::kDeleted;
}

}  // namespace

WatchDriver::WatchDriver(Transport& transport, WatchOptions options, std::uint32_t seed)
    : transport_(transport),
      options_(std::move(options)),
      list_(options_.selection.at("/items/*")),
      line_(options_.selection.at("/object")),
      machine_(seed),
      random_(seed + 1) {}

void WatchDriver::run(const Sink& sink, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const WatchMachine::Action action = machine_.next(runtime::steady_now());
    if (const auto* wait = std::get_if<WatchMachine::Wait>(&action)) {
      runtime::pause_until(wait->until, stop);
      continue;
    }
    runtime::BoundedWork work("the watch of " + std::string(options_.type.plural), kPieceLimit);
    if (const auto* page = std::get_if<WatchMachine::FetchPage>(&action)) {
      fetch(*page, sink, stop);
    } else if (std::holds_alternative<WatchMachine::AskVersion>(action)) {
      ask_version(stop);
    } else {
      watch(std::get<WatchMachine::OpenWatch>(action), sink, work, stop);
    }
  }
}

void WatchDriver::fetch(const WatchMachine::FetchPage& action, const Sink& sink,
                        const std::stop_token& stop) {
  const ApiRequest request = list_request(options_.type,
                                          {.name_space = options_.name_space,
                                           .label_selector = options_.label_selector,
                                           .page_size = options_.page_size,
                                           .stop = stop},
                                          action.continue_token);
  const auto asked = runtime::steady_now();
  auto body = transport_.request(request);
  auto page = body ? parse_list_page(*body, options_.type, list_) : tl::unexpected(body.error());
  if (!page) {
    if (page.error().is_cancelled()) return;
    warn("cannot list", page.error());
    machine_.list_failed(page.error(), runtime::steady_now());
    return;
  }
  if (options_.prune) std::for_each(page->items.begin(), page->items.end(), options_.prune);
  if (const int count = page->malformed; count > 0) {
    warn("a list has items without a name, which are left out",
         {.reason = std::string(kReasonMalformed), .message = std::to_string(count) + " of them"});
    sink(Skipped{count});
  }
  if (auto replaced = machine_.page(std::move(*page), asked)) sink(std::move(*replaced));
}

// The version comes with any list, however short.
void WatchDriver::ask_version(const std::stop_token& stop) {
  const ApiRequest request =
      list_request(options_.type, {.name_space = options_.name_space, .page_size = 1, .stop = stop}, {});
  const auto body = transport_.request(request);
  const auto page = body ? parse_list_page(*body, options_.type) : tl::unexpected(body.error());
  if (page) return machine_.version_told(page->resource_version);
  if (page.error().is_cancelled()) return;
  warn("cannot ask for the storage's version", page.error());
  machine_.list_failed(page.error(), runtime::steady_now());
}

void WatchDriver::watch(const WatchMachine::OpenWatch& action, const Sink& sink, runtime::BoundedWork& work,
                        const std::stop_token& stop) {
  std::uniform_int_distribution<std::int64_t> more(0, options_.timeout.count() / 3);
  const std::chrono::seconds timeout = options_.timeout + std::chrono::seconds(more(random_));
  StreamRequest request{.path = collection_path(options_.type, options_.name_space),
                        .query = {{"watch", "true"},
                                  {"allowWatchBookmarks", "true"},
                                  {"resourceVersion", action.resource_version},
                                  {"timeoutSeconds", std::to_string(timeout.count())}},
                        .silence = timeout + kSilenceMargin};
  if (!options_.label_selector.empty()) request.query.emplace_back("labelSelector", options_.label_selector);
  std::optional<ApiError> failure;
  bool told = false;  // of events left out
  machine_.watch_started(runtime::steady_now());
  auto done = transport_.stream(
      request,
      [&](std::string_view text) {
        work.moved();
        auto line = parse_watch_line(text, line_);
        if (!line) {
          failure = line.error();
          return false;
        }
        if (line->kind == WatchLine::Kind::kError)
          warn("a watch ended with an error", error_of(line->object));
        if (line->kind == WatchLine::Kind::kMalformed && !std::exchange(told, true))
          warn("a watch event is left out, and more of this watch may be",
               {.reason = std::string(kReasonMalformed), .message = "no object with a name and a version"});
        if (options_.prune && is_object(line->kind)) options_.prune(line->object);
        if (auto event = machine_.line(std::move(*line), runtime::steady_now())) sink(std::move(*event));
        return machine_.watching();
      },
      stop);
  if (!done) failure = done.error();
  if (failure && failure->is_cancelled()) return;
  if (failure) warn("a watch failed", *failure);
  machine_.watch_ended(failure, runtime::steady_now());
}

void WatchDriver::warn(const char* what, const ApiError& error) const {
  log::warn(
      what,
      {{"resource", options_.type.plural}, {"namespace", options_.name_space}, {"error", error.to_string()}});
}

}  // namespace storagepool::kube
