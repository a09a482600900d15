#include "e2e/peers/service/load/request.h"

#include <array>
#include <ctime>

namespace storagepool::load {
namespace {

constexpr std::int64_t kSecond = 1'000'000;  // microseconds
constexpr std::size_t kFraction = 20;        // where the microseconds begin in a time
constexpr std::size_t kNumberDigits = 10;

void write_digits(std::string& text, std::size_t at, std::size_t digits, std::uint64_t value) {
  for (std::size_t i = digits; i-- > 0; value /= 10) text[at + i] = static_cast<char>('0' + value % 10);
}

std::string http_request(std::string_view start_line, std::string_view body, const std::string& token) {
  std::string text(start_line);
  text += " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  if (!token.empty()) text += "Authorization: Bearer " + token + "\r\n";
  if (!body.empty()) {
    text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  text += "\r\n";
  text += body;
  return text;
}

}  // namespace

Requests::Requests(const RequestOptions& options) : kind_(options.kind), correlations_(options.correlations) {
  const std::string number(kNumberDigits, '0');
  if (kind_ == Kind::kList) {
    const std::string path = "GET /api/v1/audit/events?correlation_id=" + options.prefix + "-";
    numbers_.push_back(path.size());
    text_ = http_request(path + number, "", options.token);
    return;
  }
  const bool batch = kind_ == Kind::kBatch;
  if (batch) text_ = "[";
  for (unsigned i = 0; i < (batch ? options.events : 1); ++i) {
    if (i > 0) text_ += ',';
    add_event(options.prefix);
  }
  if (batch) text_ += ']';
  std::string request = http_request(batch ? "POST /api/v1/audit/events/batch" : "POST /api/v1/audit/events",
                                     text_, options.token);
  const std::size_t head = request.size() - text_.size();
  for (std::size_t& at : times_) at += head;
  for (std::size_t& at : numbers_) at += head;
  text_ = std::move(request);
}

void Requests::add_event(const std::string& prefix) {
  text_ += R"({"version":"1.0","event_type":"gateway.signal.received","event_timestamp":")";
  times_.push_back(text_.size());
  text_ += time_;
  text_ += R"(","event_category":"gateway","event_action":"received","event_outcome":"success",)";
  text_ += R"("correlation_id":")" + prefix + "-";
  numbers_.push_back(text_.size());
  text_.append(kNumberDigits, '0');
  text_ += R"(","actor_type":"service","actor_id":"gateway-service","actor_ip":"10.0.12.7",)";
  text_ += R"("resource_type":"Signal","resource_id":"pod/payments-7d9f","namespace":"payments",)";
  text_ +=
      R"("cluster_id":"prod-eu-1","severity":"warning","duration_ms":17,"event_data":{"alert":"HighCPU",)";
  text_ += R"("labels":{"pod":"payments-7d9f","severity":"critical","team":"payments"},)";
  text_ += R"("fingerprint":"9f2c1b7e4d8a","value":0.93,"threshold":0.8}})";
}

std::string_view Requests::time_text(std::int64_t now) {
  if (const std::int64_t second = now / kSecond; second != second_) {
    second_ = second;
    const std::time_t time = second;
    std::tm parts{};
    gmtime_r(&time, &parts);
    std::array<char, 32> buffer{};
    const std::size_t length = std::strftime(buffer.data(), buffer.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    time_.replace(0, length, buffer.data(), length);
  }
  write_digits(time_, kFraction, 6, static_cast<std::uint64_t>(now % kSecond));
  return time_;
}

void Requests::renew(std::string& request, std::int64_t now) {
  if (!times_.empty()) {
    const std::string_view time = time_text(now);
    for (const std::size_t at : times_) request.replace(at, time.size(), time);
  }
  for (const std::size_t at : numbers_) {
    const std::uint64_t number = next_++;
    write_digits(request, at, kNumberDigits, correlations_ == 0 ? number : number % correlations_);
  }
}

}  // namespace storagepool::load
