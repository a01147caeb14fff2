#include "bench/process_cpu.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace proofline::bench {
namespace {

struct Stat {
  pid_t parent = 0;
  double seconds = 0;
};

// Fields of /proc/PID/stat, see proc(5); the name in parentheses may hold anything.
bool ReadStat(const std::filesystem::path& folder, Stat* stat) {
  std::ifstream file(folder / "stat");
  std::stringstream text;
  text << file.rdbuf();
  const std::string line = text.str();
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return false;
  std::istringstream fields(line.substr(name_end + 1));
  std::string state;
  long skipped = 0;
  long ticks = 0;
  fields >> state >> stat->parent;
  for (int i = 5; i <= 13; ++i) fields >> skipped;
  for (int i = 14; i <= 17; ++i) {
    long value = 0;
    fields >> value;
    ticks += value;
  }
  stat->seconds = static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return !fields.fail();
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double Used(int whom) {
  rusage usage{};
  ::getrusage(whom, &usage);
  return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
}

}  // namespace

double TreeCpuSeconds(pid_t root) {
  std::map<pid_t, Stat> processes;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    Stat stat;
    if (name.find_first_not_of("0123456789") == std::string::npos &&
        ReadStat(entry.path(), &stat)) {
      processes[static_cast<pid_t>(std::stol(name))] = stat;
    }
  }
  double seconds = 0;
  std::vector<pid_t> open = {root};
  while (!open.empty()) {
    const pid_t pid = open.back();
    open.pop_back();
    seconds += processes[pid].seconds;
    for (const auto& [child, stat] : processes) {
      if (stat.parent == pid && child != pid) open.push_back(child);
    }
  }
  return seconds;
}

double OwnCpuSeconds() { return Used(RUSAGE_SELF); }

double FinishedChildrenCpuSeconds() { return Used(RUSAGE_CHILDREN); }

}  // namespace proofline::bench
