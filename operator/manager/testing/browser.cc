#include "operator/manager/testing/browser.h"

#include <fstream>
#include <stdexcept>
#include <thread>

#include "pool/common/encoding/encoding.h"
#include "pool/common/http/testing/loopback.h"

namespace storagepool::manager::testing {
namespace {

using namespace std::chrono_literals;

// The name that WebDriver gives to the id of an element.
constexpr const char* kElement = "element-6066-11e4-a52e-4f735466cecf";

}  // namespace

Browser::Browser() {
  driver_ =
      std::make_unique<Process>(std::vector<std::string>{"chromedriver", "--port=" + std::to_string(kPort)},
                                folder_ / "chromedriver.log");
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  for (;; std::this_thread::sleep_for(20ms)) {
    try {
      if (command("GET", "/status").value("ready", false)) break;
    } catch (const std::exception&) {
      if (!driver_->running() || std::chrono::steady_clock::now() > deadline)
        throw std::runtime_error("no chromedriver (hack/setup installs it):\n" +
                                 tail_of(folder_ / "chromedriver.log"));
    }
  }
  const nlohmann::json arguments{"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                                 "--user-data-dir=" + std::string(folder_ / "profile")};
  const nlohmann::json options{{"args", arguments}};
  const nlohmann::json wanted{{"browserName", "chrome"},
                              {"goog:chromeOptions", options},
                              {"goog:loggingPrefs", {{"browser", "ALL"}}}};
  const nlohmann::json made = command("POST", "/session", {{"capabilities", {{"alwaysMatch", wanted}}}});
  session_ = "/session/" + made.at("sessionId").get<std::string>();
}

Browser::~Browser() {
  try {
    command("DELETE", session_);
  } catch (const std::exception&) {  // it ends with the driver then
  }
}

nlohmann::json Browser::command(const std::string& method, const std::string& path,
                                const nlohmann::json& body) {
  const std::string text = method == "POST" ? (body.is_null() ? "{}" : body.dump()) : "";
  http::testing::Client client(kPort);
  client.send(method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
              "Content-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text);
  const auto answer = client.read();
  if (!answer) throw std::runtime_error("chromedriver closed the connection");
  const nlohmann::json value = nlohmann::json::parse(answer->body).at("value");
  if (answer->status != 200) throw std::runtime_error(method + " " + path + ": " + value.dump());
  return value;
}

std::string Browser::element(const std::string& selector) {
  const nlohmann::json found =
      command("POST", session_ + "/element", {{"using", "css selector"}, {"value", selector}});
  return session_ + "/element/" + found.at(kElement).get<std::string>();
}

void Browser::open(const std::string& url) {
  command("POST", session_ + "/url", {{"url", url}});
}

nlohmann::json Browser::run(const std::string& script) {
  return command("POST", session_ + "/execute/sync", {{"script", script}, {"args", nlohmann::json::array()}});
}

void Browser::type(const std::string& selector, const std::string& text) {
  command("POST", element(selector) + "/value", {{"text", text}});
}

void Browser::click(const std::string& selector) {
  command("POST", element(selector) + "/click");
}

void Browser::look_like(int width, int height, bool dark) {
  const auto devtools = [&](const std::string& name, const nlohmann::json& parameters) {
    command("POST", session_ + "/goog/cdp/execute", {{"cmd", name}, {"params", parameters}});
  };
  devtools("Emulation.setDeviceMetricsOverride",
           {{"width", width}, {"height", height}, {"deviceScaleFactor", 1}, {"mobile", width < 600}});
  const nlohmann::json feature{{"name", "prefers-color-scheme"}, {"value", dark ? "dark" : "light"}};
  devtools("Emulation.setEmulatedMedia", {{"features", nlohmann::json::array({feature})}});
}

void Browser::screenshot(const std::string& file) {
  const auto picture = encoding::decode_base64(command("GET", session_ + "/screenshot").get<std::string>());
  if (!picture) throw std::runtime_error("a screenshot is " + picture.error());
  std::ofstream(file, std::ios::binary) << *picture;
}

std::string Browser::complaints() {
  std::string all;
  for (const nlohmann::json& entry : command("POST", session_ + "/se/log", {{"type", "browser"}})) {
    const std::string message = entry.at("message");
    if (message.starts_with("chrome://")) continue;  // a page of its own
    if (message.find("the server responded with a status of 4") == std::string::npos) all += message + "\n";
  }
  return all;
}

}  // namespace storagepool::manager::testing
