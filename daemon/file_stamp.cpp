#include "daemon/file_stamp.h"

#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "daemon/volume.h"
#include "lib/base/text.h"

namespace proofline::studio {
namespace {

// Length of the valid UTF-8 character at the start of `text`, 0 if there is none.
std::size_t CharacterLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool beyond = (first == 0xED && second >= 0xA0) || (first == 0xF4 && second >= 0x90);
  return overlong || beyond ? 0 : length;
}

}  // namespace

Reading ReadingOf(const struct stat& status, bool stable_inodes, std::uint64_t volume) {
  Reading reading;
  if (!S_ISREG(status.st_mode) || status.st_size < 1) return reading;
  reading.kind = Reading::Kind::kFile;
  reading.stamp = {
      .device = status.st_dev,
      .inode = stable_inodes ? status.st_ino : 0,
      .size = static_cast<std::uint64_t>(status.st_size),
      .mtime_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec,
      .volume = volume};
  return reading;
}

Reading ReadPath(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    const VolumeTraits traits = TraitsOf(status.st_dev, path);
    return ReadingOf(status, traits.stable_inodes, traits.volume);
  }
  Reading reading;
  if (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG) {
    reading.kind = Reading::Kind::kUnknown;
  }
  return reading;
}

bool IsIgnoredName(std::string_view name) {
  if (name.empty() || name.front() == '.' || name.front() == '~' || name.back() == '~') return true;
  return absl::EndsWithIgnoreCase(base::ToAbsl(name), ".tmp") ||
         absl::EndsWithIgnoreCase(base::ToAbsl(name), ".part");
}

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return "/";
  return path.substr(0, slash);
}

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string JoinPath(const std::string& folder, std::string_view name) {
  return folder == "/" ? base::Concat("/", name) : base::Concat(folder, "/", name);
}

bool IsWithin(std::string_view path, std::string_view folder) {
  if (folder == "/") return true;
  if (!path.starts_with(folder)) return false;
  return path.size() == folder.size() || path[folder.size()] == '/';
}

std::string Readable(std::string_view bytes, std::size_t max_bytes) {
  static constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  std::string text;
  while (!bytes.empty()) {
    const std::size_t length = CharacterLength(bytes);
    const unsigned char first = static_cast<unsigned char>(bytes.front());
    const bool readable = length > 0 && first >= 0x20 && first != 0x7F;
    const std::string_view piece = readable ? bytes.substr(0, length) : kReplacement;
    if (text.size() + piece.size() > max_bytes) break;
    text += piece;
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return text;
}

}  // namespace proofline::studio
