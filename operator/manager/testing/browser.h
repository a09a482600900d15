// A headless Chromium for one test, driven by WebDriver (W3C Recommendation, level 1) through `chromedriver`.
// Whatever goes wrong is thrown as std::runtime_error with the driver's words.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "operator/manager/testing/control_plane.h"
#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::manager::testing {

class Browser {
 public:
  // In a network of the test's own (control_plane.h), whose ports are all free.
  Browser();
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  void open(const std::string& url);
  // What a function with this body returns.
  nlohmann::json run(const std::string& script);
  // Types into what a CSS selector finds, and clicks on it.
  void type(const std::string& selector, const std::string& text);
  void click(const std::string& selector);
  // As wide as this, as a phone or not, dark or light.
  void look_like(int width, int height, bool dark);
  void screenshot(const std::string& file);
  // What the page has logged, or the browser about it, since the last call, but for answers of 4xx.
  std::string complaints();

 private:
  nlohmann::json command(const std::string& method, const std::string& path, const nlohmann::json& body = {});
  std::string element(const std::string& selector);

  static constexpr std::uint16_t kPort = 9515;
  runtime::testing::TemporaryFolder folder_;
  std::unique_ptr<Process> driver_;
  std::string session_;  // "/session/ID"
};

}  // namespace storagepool::manager::testing
