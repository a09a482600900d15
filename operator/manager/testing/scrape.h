// What a program on this machine says of itself over HTTP.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace storagepool::manager::testing {

// The whole answer to a GET, its head too; empty when there is none.
std::string fetch(std::uint16_t port, const std::string& path, const std::string& ip = "127.0.0.1");

using Labels = std::map<std::string, std::string, std::less<>>;

// Each line of the metric `name` in a text in Prometheus' format.
void each_sample(std::string_view text, std::string_view name,
                 const std::function<void(const Labels& labels, double value)>& take);
// The lines of a metric added up; 0 when it is not there.
double sum_of(std::string_view text, std::string_view name);

}  // namespace storagepool::manager::testing
