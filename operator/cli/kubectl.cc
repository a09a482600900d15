#include "operator/cli/kubectl.h"

#include <algorithm>
#include <utility>

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
