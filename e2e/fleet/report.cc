#include "e2e/fleet/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <sstream>

namespace storagepool::e2e {
namespace {

constexpr double kMaxErlangError = 0.05;

std::string number(double value, int digits = 0) {
  std::array<char, 32> text{};
  static_cast<void>(std::snprintf(text.data(), text.size(), "%.*f", digits, value));
  return text.data();
}
std::string percent(double share) {
  return number(100 * share) + " %";
}
std::string milliseconds(double seconds) {
  return number(1000 * seconds, seconds < 0.01 ? 2 : 0) + " ms";
}

std::string row(const std::vector<std::string>& cells) {
  std::string text = "|";
  for (const std::string& cell : cells) text += " " + cell + " |";
  return text + "\n";
}
std::string head(const std::vector<std::string>& cells) {
  return row(cells) + row(std::vector<std::string>(cells.size(), "---"));
}

std::string table_of(const std::vector<Findings::Run>& runs) {
  std::string text = head({"servers", "pods asked", "pods run", "limit of each", "POSTs/s of a server",
                           "events/s", "events of a commit", "PostgreSQL's cores", "pods' threads",
                           "POST p50", "POST p99", "list p99", "most connections of usable", "short"});
  for (const auto& [layout, demand, result] : runs) {
    text +=
        row({std::to_string(layout.servers), std::to_string(layout.pods), std::to_string(result.pods),
             std::to_string(result.per_pod), number(demand.posts), number(result.events_per_second),
             number(result.batch, 1), percent(result.server_utilisation), percent(result.thread_utilisation),
             milliseconds(result.post_p50), milliseconds(result.post_p99), milliseconds(result.list_p99),
             std::to_string(result.most_open) + " of " + std::to_string(result.usable), result.shortage});
  }
  return text;
}

std::string table_of(const std::vector<std::pair<Resize, ResizeResult>>& runs) {
  std::string text =
      head({"StoragePools at once", "pods of each", "confirmed after", "done after", "steps of each", "looks",
            "exchanges with pods", "writes", "writes/s", "operator's CPU", "most connections of usable"});
  for (const auto& [resize, result] : runs) {
    text +=
        row({std::to_string(resize.storage_pools),
             std::to_string(resize.from) + " to " + std::to_string(resize.to),
             number(result.confirmed, 2) + " s", number(result.seconds, 2) + " s",
             std::to_string(result.steps), std::to_string(result.looks), std::to_string(result.exchanges),
             std::to_string(result.writes), number(static_cast<double>(result.writes) / result.seconds, 1),
             number(result.operator_cpu, 2) + " s",
             std::to_string(result.most_open) + " of " + std::to_string(resize.usable())});
  }
  return text;
}

std::string bends(const Findings& findings) {
  const Costs& costs = findings.costs;
  const Findings::Run& one = findings.one_server.front();
  const double cores = one.layout.cores;
  const double lists = one.demand.lists * costs.list_at_server;
  const auto posts_at = [&](double batch) { return (cores - lists) / (costs.row + costs.commit / batch); };
  std::ostringstream text;
  text << "- **A pod's thread** takes 1 / " << number(costs.post * 1e6) << " µs = " << number(1 / costs.post)
       << " POSTs/s. Below some pods for each server it is what bounds.\n"
       << "- **A server's cores.** A commit of n events takes " << number(costs.commit * 1e6) << " + "
       << number(costs.row * 1e6) << " n µs: " << number(cores) << " cores take " << number(posts_at(1))
       << " events/s one by one, " << number(posts_at(10)) << " by tens, " << number(posts_at(500))
       << " by five hundreds. Events spread over more pods gather less, so that the same load costs "
          "PostgreSQL up to "
       << number((costs.commit + costs.row) / (costs.row + costs.commit / 10), 1)
       << " times what it costs by tens.\n"
       << "- **Above that, waits grow and nothing breaks**: commits gather more until the cores keep up (n = "
          "λa / C / (1 - λb / "
          "C - lists), whatever the number of pods), and each of the "
       << kCommitters << " committers of N pods waits for its turn: " << kCommitters
       << " N (a + b n) / C, that is in proportion to the pods. More pods than a server's cores need make "
          "waits longer, not "
          "writes quicker.\n"
       << "- **Connections.** With max_connections " << one.layout.max_connections << ", "
       << one.result.usable
       << " are usable: as many pods can run with one each, and not one more is started.\n"
       << "- **The operator's pushes.** One exchange takes " << number(costs.exchange * 1e3, 2)
       << " ms of its CPU: " << number(1 / costs.exchange)
       << " pods can be told in a second, one after the other. A limit that shrinks is confirmed so "
          "much later; what follows is pods' starts.\n"
       << "- **The operator at rest** asks each pod every " << number(kAskedAtRest)
       << " s: " << number(1e6 * costs.exchange / kAskedAtRest) << " µs of CPU a second for a pod, "
       << number(1000 * 1000 * costs.exchange / kAskedAtRest)
       << " ms a second for 1,000 and one whole core for " << number(kAskedAtRest / costs.exchange)
       << ". It reads and writes nothing at the API server meanwhile (measured: 0 writes).\n"
       << "- **Its writes.** A resize is a few writes for each StoragePool, whatever its pods; " << kWorkers
       << " workers make " << number(kWorkers / costs.write) << " writes/s at " << number(costs.write * 1e3)
       << " ms each, which is what a resize of all StoragePools at once is bounded by.\n";
  return text.str();
}

}  // namespace

std::vector<std::string> broken(const Findings& findings) {
  std::vector<std::string> lines;
  for (const auto* runs : {&findings.one_server, &findings.fleets}) {
    for (const auto& [layout, demand, result] : *runs) {
      const std::string which =
          std::to_string(layout.pods) + " pods on " + std::to_string(layout.servers) + " servers: ";
      if (!result.fits) lines.push_back(which + "more connections than a server can give");
      if (!result.conserved) lines.push_back(which + "requests were lost or doubled");
    }
  }
  for (const auto* runs : {&findings.of_one, &findings.of_many}) {
    for (const auto& [resize, result] : *runs) {
      const std::string which =
          std::to_string(resize.storage_pools) + " StoragePools to " + std::to_string(resize.to) + " pods: ";
      if (!result.fits) lines.push_back(which + "more connections than a server can give");
      if (!result.done) lines.push_back(which + "did not come to its end");
    }
  }
  if (!(findings.erlang_error <= kMaxErlangError))
    lines.push_back("waits differ from Erlang C by " + percent(findings.erlang_error));
  return lines;
}

std::string plot(const std::string& title, const std::string& x_label, const std::vector<Curve>& curves) {
  constexpr double kWidth = 760, kHeight = 300, kLeft = 70, kTop = 30;
  constexpr std::array<const char*, 5> kColours{"#1f5fbf", "#bf5f1f", "#1a7f37", "#8250df", "#57606a"};
  std::array<double, 2> least{1e300, 1e300};
  std::array<double, 2> most{1e-300, 1e-300};
  for (const Curve& curve : curves) {
    for (const auto& [x, y] : curve.points) {
      least = {std::min(least[0], x), std::min(least[1], y)};
      most = {std::max(most[0], x), std::max(most[1], y)};
    }
  }
  for (int axis = 0; axis < 2; ++axis) {
    const auto i = static_cast<std::size_t>(axis);
    least[i] = std::floor(std::log10(least[i]));
    most[i] = std::max(std::ceil(std::log10(most[i])), least[i] + 1);
  }
  const auto at_x = [&](double x) {
    return kLeft + (std::log10(x) - least[0]) / (most[0] - least[0]) * kWidth;
  };
  const auto at_y = [&](double y) {
    return kTop + kHeight - (std::log10(y) - least[1]) / (most[1] - least[1]) * kHeight;
  };
  std::ostringstream svg;
  svg << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << kLeft + kWidth + 190 << " "
      << kTop + kHeight + 45
      << "\" font-family=\"sans-serif\" font-size=\"12\"><rect width=\"100%\" height=\"100%\" "
         "fill=\"#fff\"/><text x=\""
      << kLeft << "\" y=\"18\">" << title << "</text><text x=\"" << kLeft + kWidth << "\" y=\""
      << kTop + kHeight + 36 << "\" text-anchor=\"end\">" << x_label << "</text>\n";
  for (double power = least[0]; power <= most[0]; ++power) {
    const double x = at_x(std::pow(10, power));
    svg << "<path stroke=\"#d8dee4\" d=\"M" << number(x, 1) << " " << kTop << "v" << kHeight
        << "\"/><text x=\"" << number(x, 1) << "\" y=\"" << kTop + kHeight + 18
        << "\" text-anchor=\"middle\">" << number(std::pow(10, power)) << "</text>\n";
  }
  for (double power = least[1]; power <= most[1]; ++power) {
    const double y = at_y(std::pow(10, power));
    svg << "<path stroke=\"#d8dee4\" d=\"M" << kLeft << " " << number(y, 1) << "h" << kWidth
        << "\"/><text x=\"" << kLeft - 6 << "\" y=\"" << number(y + 4, 1) << "\" text-anchor=\"end\">"
        << number(std::pow(10, power), power < 0 ? static_cast<int>(-power) : 0) << "</text>\n";
  }
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const char* colour = kColours[i % kColours.size()];
    svg << "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"" << colour << "\" points=\"";
    for (const auto& [x, y] : curves[i].points) svg << number(at_x(x), 1) << "," << number(at_y(y), 1) << " ";
    svg << "\"/><text x=\"" << kLeft + kWidth + 8 << "\" y=\"" << kTop + 16 + 18 * static_cast<int>(i)
        << "\" fill=\"" << colour << "\">" << curves[i].label << "</text>\n";
  }
  svg << "</svg>\n";
  return svg.str();
}

std::string fleet_plot(const Findings& findings) {
  std::map<double, Curve> by_demand;
  for (const auto& [layout, demand, result] : findings.one_server) {
    Curve& curve = by_demand[demand.posts];
    curve.label = "POST p99 at " + number(demand.posts / 1000) + "k/s";
    curve.points.emplace_back(result.pods, 1000 * result.post_p99);
  }
  std::vector<Curve> curves;
  for (auto& [posts, curve] : by_demand) curves.push_back(std::move(curve));
  Curve& resized = curves.emplace_back(Curve{.label = "a resize: confirmed", .points = {}});
  for (const auto& [resize, result] : findings.of_one)
    resized.points.emplace_back(resize.to, 1000 * result.confirmed);
  return plot("Milliseconds by the pods on one server", "pods", curves);
}

std::string fleet_page(const Findings& findings, const std::string& about) {
  const Findings::Run& one = findings.one_server.front();
  std::ostringstream text;
  text << "# A fleet, simulated\n\n"
       << about << ". Seed " << findings.seed << ". Each server has " << one.layout.cores
       << " cores and max_connections " << one.layout.max_connections
       << "; limits are what the operator's planner and Ledger come to, resizes are decided by its "
          "`next_step`; what things take is "
          "in `e2e/fleet/costs.h`. Arrivals are Poisson, times exponential.\n\n## More pods on one server\n\n"
       << table_of(findings.one_server)
       << "\n![Waits by the pods on one server](fleet.svg)\n\n## More servers, ten pods each\n\n"
       << table_of(findings.fleets) << "\n## Twice the pods, on a server that is full\n\n"
       << table_of(findings.of_one) << "\nMany StoragePools at once:\n\n"
       << table_of(findings.of_many) << "\n## Where it bends\n\n"
       << bends(findings) << "\nWaits at a station differ from Erlang C by "
       << number(100 * findings.erlang_error, 1) << " %.\n\n";
  const std::vector<std::string> lines = broken(findings);
  for (const std::string& line : lines) text << "- **Broken**: " << line << "\n";
  text << (lines.empty()
               ? "**Verdict: holds.** Nothing was lost, and connections fitted every server at every event.\n"
               : "\n**Verdict: broken.**\n");
  return text.str();
}

}  // namespace storagepool::e2e
