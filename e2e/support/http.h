// A small HTTP client: one kept-alive connection, a deadline on every exchange.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include <tl/expected.hpp>

namespace storagepool::e2e {

struct HttpResponse {
  int status = 0;
  std::string content_type;
  std::string body;
  std::string date{};  // the header, RFC 9110's
};

struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";
  std::string body;
  std::map<std::string, std::string> headers;  // an empty one is not sent
};

// The bearer token of every request that brings no Authorization of its own; empty: none. Before any is sent.
void use_token(std::string token);

class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port) : HttpClient("127.0.0.1", port) {}
  HttpClient(const std::string& ip_address, std::uint16_t port);
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  // The error is what the transport says (refused, closed, timed out), beginning with "connect: " when there
  // was no connection; it is then made anew next time.
  tl::expected<HttpResponse, std::string> send(const HttpRequest& request,
                                               std::chrono::milliseconds deadline = std::chrono::seconds{15});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace storagepool::e2e
