#include "lib/base/kill_point.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace proofline::base {
namespace {

struct Target {
  std::string name;
  std::uint64_t passage = 1;
};

Target ReadTarget() {
  Target target;
  const char* text = std::getenv("PROOFLINE_KILL_POINT");
  if (text == nullptr) return target;
  target.name = text;
  const auto colon = target.name.rfind(':');
  if (colon == std::string::npos) return target;
  const char* end = target.name.data() + target.name.size();
  std::uint64_t passage = 0;
  if (std::from_chars(target.name.data() + colon + 1, end, passage).ptr == end && passage > 0) {
    target.name.resize(colon);
    target.passage = passage;
  }
  return target;
}

}  // namespace

void KillPoint(std::string_view name) {
  static const Target target = ReadTarget();
  static std::atomic<std::uint64_t> passages{0};
  if (target.name != name || name.empty()) return;
  if (passages.fetch_add(1) + 1 == target.passage) ::kill(::getpid(), SIGKILL);
}

}  // namespace proofline::base
