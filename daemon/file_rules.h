// Which files may be originals, as far as their names tell.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace proofline::studio {

// What a name says. Only the content tells whether it is true.
enum class FileKind : std::uint8_t {
  kIgnored,  // never looked at: hidden, unfinished, a text, a film, a program's own
  kPicture,  // named as photographs are
  kRaw,      // named as camera RAW files are
  kSidecar,  // XMP, which belongs to the photo beside it
  kUnknown,  // its first bytes decide
};

// The extension without its dot, in lower case; empty if there is none, or if it is longer than any
// that means something here.
std::string LowerExtension(std::string_view name);
// A name without its last extension: "IMG_1" of "IMG_1.CR2".
std::string_view StemOf(std::string_view name);
// Named as what cameras write beside a RAW file: JPEG and HEIF.
bool IsCameraPicture(std::string_view name);

// What a file can be of a pair that is one photo: a RAW file and a camera's picture in one folder,
// named alike.
enum class PairHalf : std::uint8_t { kNone, kRaw, kCameraPicture };
PairHalf HalfOf(std::string_view name);
bool ArePair(const std::string& path, const std::string& other);

// The rules that hold without any configuration.
FileKind KindByName(std::string_view name);
bool IsIgnoredFolderName(std::string_view name);

// The rules of a daemon: those above, and what the configuration ignores besides. A value; any
// number of threads may ask.
//
// A pattern without a slash is compared with the name of every file and folder, one with a slash
// with the path below the watched folder; one that ends in a slash means folders only. What lies in
// an ignored folder is ignored with it. MatchesGlob() says what patterns can do.
class FileRules {
 public:
  // `ignore` holds everywhere, `ignore_in` below one root each.
  explicit FileRules(std::vector<std::string> ignore = {},
                     std::map<std::string, std::vector<std::string>> ignore_in = {});

  // What one entry of a folder is; the folder itself is taken to be not ignored. `root` is the
  // watched folder.
  FileKind KindOf(const std::string& root, std::string_view folder, std::string_view name) const;
  bool IgnoresFolder(const std::string& root, std::string_view folder, std::string_view name) const;
  // The same for a file's whole path, every folder between the root and it included.
  FileKind KindOfPath(const std::string& root, const std::string& path) const;
  // For a folder under the root; false for the root itself.
  bool IgnoresFolderPath(const std::string& root, const std::string& folder) const;

 private:
  bool Matches(const std::string& root, std::string_view folder, std::string_view name,
               bool is_folder) const;
  bool IgnoresAbove(const std::string& root, std::string_view folder) const;

  std::vector<std::string> ignore_;
  std::map<std::string, std::vector<std::string>> ignore_in_;
};

}  // namespace proofline::studio
