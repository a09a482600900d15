// The page of the operator's program as a person sees it: in a browser, with a token of the API server's.
#include <cstdlib>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/manager/testing/browser.h"
#include "operator/manager/testing/fleet.h"

namespace storagepool::manager {
namespace {

using namespace std::chrono_literals;
using testing::Browser;
using testing::Conduct;
using testing::eventually;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kPatience = 120s;

// p0 and p1 are on one server; the pod of p2 resets connections.
class PageInABrowser : public testing::Fleet {
 protected:
  PageInABrowser() : Fleet(3, [](int number) { return number < 2 ? Conduct::kAnswers : Conduct::kResets; }) {}

  void SetUp() override {
    Fleet::SetUp();
    for (const auto& [number, address] : addresses_) admin_ports_->add(address, one_server(number));
    start_operator(control_plane_->kubeconfig());
    make_storage_pools(3);
    ASSERT_TRUE(eventually([&] { return reasons()["Ready"] == 2; }, kPatience, 100ms))
        << ::testing::PrintToString(reasons()) << testing::tail_of(log());
  }

  static settings::FactsReport one_server(int number) {
    settings::FactsReport report;
    report.target = "db" + std::to_string(number) + ":5432/audit";
    report.reachable = true;
    report.facts.emplace();
    report.facts->system_identifier = "7";
    report.facts->server_version = 150008;
    report.facts->max_connections = 30;
    report.facts->superuser_reserved_connections = 3;
    return report;
  }
  static std::string url() { return "http://127.0.0.1:" + std::to_string(kPagePort) + "/"; }
  static std::string text(Browser& browser, const std::string& selector) {
    return browser.run("return document.querySelector('" + selector + "').innerText");
  }
  static bool shown(Browser& browser, const std::string& selector) {
    return browser.run("return document.querySelector('" + selector + "').checkVisibility()");
  }
  // For docs/: where the variable names a folder.
  static void keep_screenshot(Browser& browser, const std::string& name) {
    const char* folder = std::getenv("STORAGEPOOL_SCREENSHOTS");
    if (folder != nullptr) browser.screenshot(std::string(folder) + "/" + name);
  }
};

TEST_F(PageInABrowser, ShowsWhoHasATokenTheBudgetAndEachPod) {
  Browser browser;
  browser.open(url());
  ASSERT_TRUE(eventually([&] { return shown(browser, "#login"); }, kPatience, 50ms));
  EXPECT_EQ(browser.run("return location.pathname"), "/ui");

  browser.type("#token", "not-a-token");
  browser.click("#enter");
  ASSERT_TRUE(
      eventually([&] { return text(browser, "#news").find("401") != std::string::npos; }, kPatience, 50ms))
      << text(browser, "#news");
  EXPECT_EQ(text(browser, "#servers"), "");

  browser.type("#token", "secret");
  browser.click("#enter");
  ASSERT_TRUE(eventually([&] { return text(browser, "#servers").find("default/p2") != std::string::npos; },
                         kPatience, 50ms))
      << text(browser, "#news");
  EXPECT_FALSE(shown(browser, "#login"));
  EXPECT_EQ(browser.run("return document.querySelectorAll('article').length"), 2) << "p0 and p1 are together";
  EXPECT_THAT(text(browser, "article:last-of-type"), HasSubstr("AdminPortUnreachable"));
  EXPECT_EQ(text(browser, ".caption"), "17 of 17 usable connections are granted, 13 of 30 are reserved");

  browser.click("article:last-of-type summary");
  EXPECT_THAT(text(browser, "article:last-of-type table"), HasSubstr("says nothing"));
  browser.run("window.before = document.querySelector('#news').innerText");
  EXPECT_TRUE(eventually(
      [&] {
        return browser.run("return document.querySelector('#news').innerText != window.before") == true;
      },
      kPatience, 100ms))
      << "it is drawn anew";
  EXPECT_TRUE(shown(browser, "article:last-of-type table")) << "what was unfolded stays so";

  for (const bool dark : {false, true}) {
    browser.look_like(1100, 700, dark);
    browser.run("window.scrollTo(0, 0)");
    keep_screenshot(browser, dark ? "page-dark.png" : "page-light.png");
    browser.look_like(390, 844, dark);
    EXPECT_EQ(browser.run("return document.documentElement.scrollWidth <= innerWidth"), true)
        << "a phone shows it without scrolling sideways";
    EXPECT_EQ(browser.run("return getComputedStyle(document.body).backgroundColor"),
              dark ? "rgb(18, 22, 28)" : "rgb(246, 247, 249)");
    keep_screenshot(browser, dark ? "page-phone-dark.png" : "page-phone-light.png");
  }
  EXPECT_EQ(browser.complaints(), "");

  browser.click("#leave");
  EXPECT_TRUE(shown(browser, "#login"));
  EXPECT_EQ(browser.run("return sessionStorage.getItem('token')"), nullptr);
  EXPECT_THAT(testing::tail_of(log(), std::string::npos), Not(HasSubstr("not-a-token")));
}

}  // namespace
}  // namespace storagepool::manager
