// docs/reference/metrics.md names the metrics that a pod exposes, and no others.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include "pool/service/service_metrics.h"

namespace storagepool::service {
namespace {

using Names = std::set<std::string>;

// Of every family, also of those whose labels are met with the first request.
Names exposed() {
  ServiceMetrics metrics;
  boost::asio::io_context loop;
  http::Router router;
  const http::Handler handler = metrics.counted(router, router.handler());
  metrics.refusals("api")(auth::Refusal::kMissingHeader);
  http::Request request;
  request.path = "/";
  boost::asio::co_spawn(loop, handler(request), boost::asio::use_future);
  loop.run();
  Snapshot now;
  now.workspaces.emplace();
  now.server_version = 150008;
  const std::string text = metrics.expose(now);
  Names names;
  const std::regex line("# TYPE (storagepool_[a-z_]+) ");
  for (std::sregex_iterator found(text.begin(), text.end(), line), end; found != end; ++found) {
    names.insert((*found)[1]);
  }
  return names;
}

// What the first column of the table of pods names: metrics, `prefix_*`, and `…_suffix` of one named before.
Names documented() {
  std::ifstream file(STORAGEPOOL_SOURCE_DIR "/docs/reference/metrics.md");
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  const std::size_t begin = all.find("## A pod");
  const std::string text = all.substr(begin, all.find("## The operator") - begin);
  Names names;
  const std::regex row("\n\\| ([^|]*) \\|");
  const std::regex name("`((storagepool|\u2026)_[a-z_]+\\*?)(\\{[a-z,]*\\})?`");
  for (std::sregex_iterator cell(text.begin(), text.end(), row), end; cell != end; ++cell) {
    const std::string column = (*cell)[1];
    for (std::sregex_iterator found(column.begin(), column.end(), name); found != end; ++found) {
      names.insert((*found)[1]);
    }
  }
  return names;
}

bool covers(const std::string& documented, const std::string& metric) {
  static const std::string kAndSo = "\u2026";
  if (documented.starts_with(kAndSo)) return metric.ends_with(documented.substr(kAndSo.size()));
  if (documented.ends_with('*')) return metric.starts_with(documented.substr(0, documented.size() - 1));
  return documented == metric;
}

TEST(MetricsReference, NamesWhatIsExposedAndNothingElse) {
  const Names metrics = exposed();
  const Names names = documented();
  ASSERT_GT(metrics.size(), 20U);
  for (const std::string& metric : metrics) {
    EXPECT_TRUE(std::ranges::any_of(names, [&](const std::string& name) { return covers(name, metric); }))
        << metric << " is not in docs/reference/metrics.md";
  }
  for (const std::string& name : names) {
    EXPECT_TRUE(std::ranges::any_of(metrics, [&](const std::string& metric) { return covers(name, metric); }))
        << name << " of docs/reference/metrics.md is not exposed";
  }
}

}  // namespace
}  // namespace storagepool::service
