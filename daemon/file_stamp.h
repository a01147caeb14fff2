// What can be learnt of a file without reading it.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

namespace proofline::studio {

// One reading of a regular file.
struct FileStamp {
  std::uint64_t device = 0;
  // 0 where the file system gives a file another number every now and then.
  std::uint64_t inode = 0;
  std::uint64_t size = 0;  // bytes
  std::int64_t mtime_ns = 0;
  // VolumeTraits::volume of where it lies; 0 if that is not known.
  std::uint64_t volume = 0;

  // Both lie on volumes that are known, and not on the same one.
  bool OnAnotherVolumeThan(const FileStamp& other) const {
    return volume != 0 && other.volume != 0 && volume != other.volume;
  }
  // The same content, as far as can be known without reading. Device numbers are left out: many
  // file systems get another one at each mount.
  bool SameContent(const FileStamp& other) const {
    return size == other.size && mtime_ns == other.mtime_ns &&
           (inode == other.inode || inode == 0 || other.inode == 0);
  }
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

// A reading of a path that may or may not hold an original.
struct Reading {
  enum class Kind {
    kFile,     // a regular file of at least one byte; `stamp` is valid
    kAbsent,   // nothing there, or something that cannot be an original
    kUnknown,  // the system could not tell: a share that does not answer, a folder without access
  };
  Kind kind = Kind::kAbsent;
  FileStamp stamp;

  bool is_file() const { return kind == Kind::kFile; }
  friend bool operator==(const Reading&, const Reading&) = default;
};

// Reads a path without following a symbolic link at its end. Blocks on the file system.
Reading ReadPath(const std::string& path);
Reading ReadingOf(const struct stat& status, bool stable_inodes = true, std::uint64_t volume = 0);

// True for names that never hold originals: hidden files, and what editors, browsers and copying
// programs call their unfinished files.
bool IsIgnoredName(std::string_view name);

// The parts of an absolute path: the folder without a slash at its end, and the name.
std::string FolderOf(const std::string& path);
std::string NameOf(const std::string& path);
std::string JoinPath(const std::string& folder, std::string_view name);

// True if `path` is `folder` itself or lies somewhere under it.
bool IsWithin(std::string_view path, std::string_view folder);

// Text for people and for the wire from any bytes: invalid UTF-8 and control characters are
// replaced by U+FFFD, and at most `max_bytes` are kept, whole characters only.
std::string Readable(std::string_view bytes, std::size_t max_bytes = 4096);

}  // namespace proofline::studio
