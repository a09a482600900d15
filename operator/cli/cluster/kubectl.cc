#include "operator/cli/cluster/kubectl.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

#include "operator/cli/cluster/child.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/settings/duration.h"

namespace storagepool::cli {
namespace {

using namespace std::chrono_literals;

// kubectl looks at the API server's kinds first, and credentials may come from a program of their own.
constexpr auto kGrace = 20s;

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const std::size_t last = text.rfind('\n');  // warnings come first
  if (last != std::string::npos) text.erase(0, last + 1);
  return text;
}

// Of a body or a patch only its size: it may be long, or nobody else's business.
std::string shown(const Words& words) {
  std::string text = "kubectl";
  for (const std::string& word : words)
    text += " " + (word.size() > 200 ? "(" + std::to_string(word.size()) + " bytes)" : word);
  return text;
}

// Lives as long as kubectl does.
struct Forwarded : public Port {
  Forwarded(const Words& words, std::optional<Tls> by_tls) : child(words), tls(std::move(by_tls)) {}
  tl::expected<PodAnswer, std::string> send(const PodRequest& request) override {
    return send_here(port, request, tls);
  }

  Child child;
  std::optional<Tls> tls;
  std::uint16_t port = 0;
};

}  // namespace

Kubectl::Kubectl(std::string program, Access access)
    : program_(std::move(program)), access_(std::move(access)) {}

Words Kubectl::command(const Words& words) const {
  Words all{program_};
  if (!access_.context.empty()) all.push_back("--context=" + access_.context);
  if (!access_.kubeconfig.empty()) all.push_back("--kubeconfig=" + access_.kubeconfig);
  all.push_back("--request-timeout=" + settings::format_duration(access_.request_timeout));
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

Result<std::string> Kubectl::run(const Words& words, std::string_view input) const {
  const RunLimits limits{.deadline = access_.request_timeout + kGrace};
  Finished finished = run_program(command(words), input, limits);
  if (finished.ok()) return std::move(finished.out);
  return tl::unexpected(describe(words, finished, program_));
}

Result<std::unique_ptr<Port>> Kubectl::open_port(const std::string& name_space, const std::string& target,
                                                 int port, const std::optional<Tls>& tls) const {
  const Words words{"port-forward",        "-n",   name_space,
                    "--address=127.0.0.1", target, ":" + std::to_string(port)};
  Words all = command(words);
  std::erase_if(all, [](const std::string& word) { return word.starts_with("--request-timeout"); });
  auto forward = std::make_unique<Forwarded>(all, tls);
  const auto until = runtime::steady_now() + access_.request_timeout + kGrace;
  std::string said;
  while (const auto line = forward->child.read_line(until)) {
    constexpr std::string_view kBefore = "Forwarding from 127.0.0.1:";
    if (line->starts_with(kBefore)) {
      std::from_chars(line->data() + kBefore.size(), line->data() + line->size(), forward->port);
      return std::unique_ptr<Port>(std::move(forward));
    }
    said = *line;
  }
  return tl::unexpected(
      Failure{kind_of(said), shown(words) + ": " + (said.empty() ? "it did not come up in time" : said)});
}

Failure describe(const Words& words, const Finished& finished, const std::string& program) {
  if (finished.exit_code == 127)
    return {FailureKind::kNoKubectl,
            "kubectl cannot be run: \"" + program +
                "\" is no program that may be run here; install kubectl, or name it in $KUBECTL"};
  const std::string asked = shown(words);
  if (finished.timed_out) return {FailureKind::kTimedOut, asked + ": no answer in time (--request-timeout)"};
  if (finished.too_long) return {FailureKind::kUnreadable, asked + ": the answer is too long"};
  const std::string text = one_line(finished.err);
  return {kind_of(finished.err),
          asked + ": " + (text.empty() ? "exit code " + std::to_string(finished.exit_code) : text)};
}

}  // namespace storagepool::cli
