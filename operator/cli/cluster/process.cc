#include "operator/cli/cluster/process.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "operator/cli/cluster/child.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::cli {
namespace {

constexpr std::size_t kMostErrorBytes = std::size_t{64} << 10;

int remaining_ms(runtime::TimePoint until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - runtime::steady_now()).count();
  return static_cast<int>(std::max<std::int64_t>(0, left));
}

// Appends what there is; closes the descriptor at the end of the stream.
void read_some(Descriptor& from, std::string& into) {
  std::array<char, 65536> buffer{};
  const ssize_t count = ::read(from.get(), buffer.data(), buffer.size());
  if (count > 0) {
    into.append(buffer.data(), static_cast<std::size_t>(count));
  } else if (count == 0 || errno != EINTR) {
    from.close();
  }
}

void write_some(Descriptor& to, std::string_view& input) {
  const ssize_t count = ::write(to.get(), input.data(), input.size());
  if (count > 0) input.remove_prefix(static_cast<std::size_t>(count));
  if (input.empty() || (count < 0 && errno != EINTR && errno != EAGAIN)) to.close();
}

}  // namespace

Finished run_program(const std::vector<std::string>& argv, std::string_view input, const RunLimits& limits) {
  const auto until = runtime::steady_now() + limits.deadline;
  Child child(argv, Child::Errors::kApart);
  Finished finished;
  Descriptor& in = child.input();
  ::fcntl(in.get(), F_SETFL, O_NONBLOCK);
  if (input.empty()) in.close();
  while (child.output().open() || child.error().open()) {
    std::array<pollfd, 3> waits{
        {{child.output().get(), POLLIN, 0}, {child.error().get(), POLLIN, 0}, {in.get(), POLLOUT, 0}}};
    const int ready = ::poll(waits.data(), waits.size(), remaining_ms(until));
    if (ready < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
    if (ready == 0) break;
    if (ready < 0) continue;
    if (waits[0].revents != 0) read_some(child.output(), finished.out);
    if (waits[1].revents != 0) read_some(child.error(), finished.err);
    if (waits[2].revents != 0) write_some(in, input);
    if (finished.err.size() > kMostErrorBytes) finished.err.resize(kMostErrorBytes);
    finished.too_long = finished.out.size() > limits.most_output_bytes;
    if (finished.too_long) break;
  }
  finished.timed_out = !finished.too_long && !child.wait_until(until);
  if (finished.timed_out || finished.too_long) child.kill();
  finished.exit_code = child.reap();
  return finished;
}

}  // namespace storagepool::cli
