#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/text.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

// Back to the line's beginning, and everything on it gone.
constexpr std::string_view kClearLine = "\r\x1b[K";

}  // namespace

std::size_t TerminalColumns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void Progress::Show(std::string_view text) {
  if (!output_.shows_progress() || text == shown_) return;
  shown_ = text;
  const std::size_t columns = TerminalColumns();
  const std::string line = Printable(text);
  output_.Raw(base::Concat(kClearLine, columns > 0 ? CutToWidth(line, columns - 1) : line));
}

void Progress::Show(std::string_view verb, std::int64_t done, std::int64_t total) {
  Show(base::Concat(verb, " ", done, " of ", total));
}

void Progress::Clear() {
  if (shown_.empty()) return;
  shown_.clear();
  output_.Raw(kClearLine);
}

}  // namespace proofline::cli
