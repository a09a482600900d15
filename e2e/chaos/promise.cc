#include "e2e/chaos/promise.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "e2e/support/kubectl.h"
#include "e2e/support/node.h"
#include "e2e/support/objects.h"
#include "e2e/support/postgres.h"
#include "e2e/support/process.h"

namespace storagepool::e2e {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr std::size_t kMostSamples = 200'000;
constexpr auto kSilence = 200ms;

// One row: usable, then "COUNT ADDRESS" for each pod.
std::string query(int reserve) {
  return "select current_setting('max_connections')::int - "
         "current_setting('superuser_reserved_connections')::int - " +
         std::to_string(reserve) +
         ", coalesce(string_agg(n || ' ' || a, ','), '') from (select count(*) n, host(client_addr) a from "
         "pg_stat_activity where backend_type = 'client backend' and usename = '" +
         std::string(kRole) + "' group by 2) s \\watch 0.01\n";
}

double seconds(steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::string number(double value) {
  std::array<char, 32> text{};
  static_cast<void>(std::snprintf(text.data(), text.size(), "%.1f", value));
  return text.data();
}

std::filesystem::path folder() {
  return std::filesystem::path(STORAGEPOOL_SOURCE_DIR) / "build/reports/promise";
}

// A variable of the environment that a process was started with; empty: it has none.
std::string environment_of(pid_t process, const std::string& name) {
  std::ifstream environment("/proc/" + std::to_string(process) + "/environ");
  for (std::string entry; std::getline(environment, entry, '\0');) {
    if (entry.starts_with(name + "=")) return entry.substr(name.size() + 1);
  }
  return {};
}

std::optional<int> integer(std::string_view text) {
  int value = 0;
  std::istringstream stream{std::string(text)};
  if (!(stream >> value)) return std::nullopt;
  return value;
}

}  // namespace

Promise::Promise(std::string name_space, std::string name, std::string title, int reserve)
    : namespace_(std::move(name_space)),
      name_(std::move(name)),
      title_(std::move(title)),
      reserve_(reserve),
      started_(steady_clock::now()),
      reader_([this](const std::stop_token& stop) { read_all(stop); }) {}

Promise::~Promise() {
  reader_.request_stop();
  reader_.join();
}

// In the container of the server that the Service leads to, but not by way of the API server, which may be
// away.
std::vector<std::string> Promise::command() const {
  const auto service = get_object(namespace_, "service", "postgres-direct");
  const std::string name = service.at("spec").at("selector").at("app.kubernetes.io/name");
  const auto pods = list_objects(namespace_, "pods", "app.kubernetes.io/name=" + name);
  for (const auto& pod : pods) {
    const auto servers = processes_in_pod(pod.at("metadata").at("uid"), "postgres");
    if (servers.empty()) continue;
    const std::string process = std::to_string(servers.front());
    return {"env",     "PATH=" + environment_of(servers.front(), "PATH"),
            "nsenter", "--target",
            process,   "--mount",
            "--root",  "psql",
            "-h",      environment_of(servers.front(), "PGHOST"),
            "-U",      environment_of(servers.front(), "PGUSER"),
            "-XtAq",   "-d",
            "postgres"};
  }
  throw std::runtime_error("no server");
}

void Promise::read_all(const std::stop_token& stop) {
  std::vector<std::string> known;
  while (!stop.stop_requested()) {
    try {
      known = command();
    } catch (const std::exception&) {
      // No server, or no API server to ask where it is: perhaps where it was.
      if (known.empty()) {
        std::this_thread::sleep_for(kSilence);
        continue;
      }
    }
    Child psql(known, query(reserve_));
    while (!stop.stop_requested()) {
      if (const auto line = psql.read_line(kSilence)) {
        take(*line);
      } else if (!psql.running()) {
        break;
      }
    }
    std::this_thread::sleep_for(20ms);  // until it is looked for again
  }
}

void Promise::take(const std::string& line) {
  const std::size_t bar = line.find('|');
  const auto usable = bar == std::string::npos ? std::nullopt : integer(line.substr(0, bar));
  if (!usable) return;
  Sample sample{.at = steady_clock::now(), .usable = *usable};
  std::istringstream rest(line.substr(bar + 1));
  for (std::string part; std::getline(rest, part, ',');) {
    const std::size_t blank = part.find(' ');
    const auto count = integer(part.substr(0, blank));
    if (!count || blank == std::string::npos) continue;
    sample.by_address[part.substr(blank + 1)] += *count;
    sample.total += *count;
  }
  const std::lock_guard lock(mutex_);
  if (samples_.size() < kMostSamples) samples_.push_back(std::move(sample));
}

void Promise::mark(const std::string& what) {
  const std::lock_guard lock(mutex_);
  marks_.push_back({steady_clock::now(), what});
}

void Promise::excuse(TimePoint from, TimePoint until) {
  const std::lock_guard lock(mutex_);
  windows_.push_back({from, until});
}

int Promise::now() const {
  const std::lock_guard lock(mutex_);
  return samples_.empty() ? 0 : samples_.back().total;
}

std::size_t Promise::samples() const {
  const std::lock_guard lock(mutex_);
  return samples_.size();
}

bool Promise::excused(TimePoint at) const {
  return std::ranges::any_of(windows_, [&](const Window& one) { return at >= one.from && at <= one.until; });
}

std::string Promise::refusals() const {
  std::string found;
  for (const char* previous : {"--previous=false", "--previous=true"}) {
    const Result log = kubectl({"-n", namespace_, "logs", "deployment/postgres", "--tail=-1", previous});
    std::istringstream lines(log.out);
    for (std::string line; std::getline(lines, line);) {
      const bool refused = line.find("remaining connection slots") != std::string::npos ||
                           line.find("too many clients") != std::string::npos ||
                           line.find("too many connections for") != std::string::npos;
      if (refused) found += line + "\n";
    }
  }
  return found;
}

Promise::Peak Promise::peak() const {
  const std::lock_guard lock(mutex_);
  Peak peak;
  for (const Sample& sample : samples_) {
    if (sample.total < peak.backends) continue;
    peak = {.backends = sample.total, .usable = sample.usable};
  }
  return peak;
}

::testing::AssertionResult Promise::kept() const {
  const std::string refused = refusals();
  const std::lock_guard lock(mutex_);
  if (samples_.size() < 100) {
    return ::testing::AssertionFailure() << "only " << samples_.size() << " samples were taken";
  }
  for (const Sample& sample : samples_) {
    if (sample.total <= sample.usable || excused(sample.at)) continue;
    return ::testing::AssertionFailure() << number(seconds(sample.at - started_)) << " s after the start "
                                         << sample.total << " backends of " << sample.usable << " usable";
  }
  if (!refused.empty() && windows_.empty()) {
    return ::testing::AssertionFailure() << "the server refused connections:\n" << refused;
  }
  return ::testing::AssertionSuccess();
}

void Promise::write(const Traffic& traffic) const {
  const ::testing::AssertionResult result = kept();
  const std::string picture = plot();
  const std::lock_guard lock(mutex_);
  double gap = 0;
  for (std::size_t i = 1; i < samples_.size(); ++i) {
    gap = std::max(gap, seconds(samples_[i].at - samples_[i - 1].at));
  }
  const double whole = samples_.empty() ? 0 : seconds(samples_.back().at - samples_.front().at);
  int highest = 0;
  int closest = samples_.empty() ? 0 : samples_.front().usable;
  for (const Sample& sample : samples_) {
    highest = std::max(highest, sample.total);
    if (!excused(sample.at)) closest = std::min(closest, sample.usable - sample.total);
  }
  std::filesystem::create_directories(folder());
  std::ofstream(folder() / (name_ + ".svg")) << picture;
  std::ofstream text(folder() / (name_ + ".md"));
  text << "## " << title_ << "\n\n"
       << (result ? "Kept" : "**Broken**") << ": " << samples_.size() << " samples (one every "
       << number(1000 * whole / static_cast<double>(std::max<std::size_t>(samples_.size(), 1)))
       << " ms, the longest gap " << number(gap) << " s), at most " << highest
       << " backends, never less than " << closest << " of what was usable left; " << traffic.answered()
       << " requests answered, " << traffic.put_off() << " put off (429, 503), " << traffic.failures().size()
       << " broken.\n\n";
  if (!result) text << "```\n" << result.message() << "\n```\n\n";
  for (const Mark& mark : marks_)
    text << "- " << number(seconds(mark.at - started_)) << " s: " << mark.what << "\n";
  text << "\n![Backends of each pod, their sum and what was usable](promise/" << name_ << ".svg)\n\n";
}

std::string Promise::plot() const {
  constexpr double kWidth = 900;
  constexpr double kHeight = 260;
  constexpr double kLeft = 40;
  constexpr double kTop = 20;
  const std::lock_guard lock(mutex_);
  if (samples_.empty()) return "<svg xmlns=\"http://www.w3.org/2000/svg\"/>";
  const double end = std::max(1.0, seconds(samples_.back().at - started_));
  int most = 1;
  for (const Sample& sample : samples_) most = std::max({most, sample.usable, sample.total});
  const auto x = [&](TimePoint at) { return kLeft + seconds(at - started_) / end * kWidth; };
  const auto y = [&](int count) { return kTop + kHeight - count * kHeight / most; };
  // The highest value of each column of the picture, so that no peak is lost.
  const auto line = [&](const auto& value, const char* style) {
    std::map<int, int> columns;
    for (const Sample& sample : samples_) {
      int& column = columns[static_cast<int>(x(sample.at))];
      column = std::max(column, value(sample));
    }
    std::string points;
    for (const auto& [column, count] : columns)
      points += std::to_string(column) + "," + number(y(count)) + " ";
    return "<polyline fill=\"none\" " + std::string(style) + " points=\"" + points + "\"/>\n";
  };
  std::ostringstream svg;
  svg << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << kLeft + kWidth + 10 << " "
      << kTop + kHeight + 30 << "\" font-family=\"sans-serif\" font-size=\"11\">\n";
  for (const Mark& mark : marks_) {
    svg << "<line x1=\"" << number(x(mark.at)) << "\" x2=\"" << number(x(mark.at)) << "\" y1=\"" << kTop
        << "\" y2=\"" << kTop + kHeight << "\" stroke=\"#bbb\" stroke-dasharray=\"3\"><title>" << mark.what
        << "</title></line>\n";
  }
  std::map<std::string, int> addresses;
  for (const Sample& sample : samples_) {
    for (const auto& [address, count] : sample.by_address) addresses[address] = 0;
  }
  for (const auto& [address, unused] : addresses) {
    svg << line(
        [&](const Sample& sample) {
          const auto found = sample.by_address.find(address);
          return found == sample.by_address.end() ? 0 : found->second;
        },
        "stroke=\"#9bc\" stroke-width=\"1\"");
  }
  svg << line([](const Sample& sample) { return sample.total; }, "stroke=\"#036\" stroke-width=\"1.5\"")
      << line([](const Sample& sample) { return sample.usable; }, "stroke=\"#c00\" stroke-width=\"1\"");
  svg << "<text x=\"4\" y=\"" << kTop + 4 << "\">" << most << "</text><text x=\"4\" y=\"" << kTop + kHeight
      << "\">0</text><text x=\"" << kLeft << "\" y=\"" << kTop + kHeight + 16 << "\">0 s</text><text x=\""
      << kLeft + kWidth - 30 << "\" y=\"" << kTop + kHeight + 16 << "\">" << number(end)
      << " s</text>\n<text x=\"" << kLeft << "\" y=\"12\" fill=\"#c00\">usable</text><text x=\"" << kLeft + 60
      << "\" y=\"12\" fill=\"#036\">all backends</text><text x=\"" << kLeft + 150
      << "\" y=\"12\" fill=\"#69a\">of each pod</text>\n</svg>\n";
  return svg.str();
}

}  // namespace storagepool::e2e
