#include "daemon/file_rules.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "daemon/file_stamp.h"
#include "daemon/glob.h"
#include "lib/base/text.h"

namespace proofline::studio {
namespace {

using namespace std::string_view_literals;

// Longest extension that means something below.
constexpr std::size_t kLongestExtension = 12;

// All lists are sorted.
constexpr std::array kPictures = {"avif"sv, "heic"sv, "heif"sv, "hif"sv, "jfif"sv, "jpe"sv,
                                  "jpeg"sv, "jpg"sv,  "png"sv,  "tif"sv, "tiff"sv, "webp"sv};
constexpr std::array kRaws = {
    "3fr"sv, "arq"sv, "arw"sv, "bay"sv, "cap"sv, "cr2"sv, "cr3"sv, "crw"sv, "dcr"sv, "dcs"sv,
    "dng"sv, "drf"sv, "erf"sv, "fff"sv, "gpr"sv, "iiq"sv, "k25"sv, "kdc"sv, "mdc"sv, "mef"sv,
    "mfw"sv, "mos"sv, "mrw"sv, "nef"sv, "nrw"sv, "orf"sv, "ori"sv, "pef"sv, "ptx"sv, "pxn"sv,
    "raf"sv, "raw"sv, "rw2"sv, "rwl"sv, "sr2"sv, "srf"sv, "srw"sv, "x3f"sv};
// What lies beside photographs and is none: unfinished files, texts, films, sounds, archives, and
// what cameras and other programs keep for themselves.
constexpr std::array kIgnored = {
    "3g2"sv,     "3gp"sv,        "7z"sv,         "aae"sv,     "aac"sv,       "aif"sv,
    "aiff"sv,    "ai"sv,         "avchd"sv,      "avi"sv,     "bak"sv,       "bdm"sv,
    "bz2"sv,     "cfg"sv,        "cof"sv,        "cop"sv,     "cos"sv,       "cot"sv,
    "cpf"sv,     "cpi"sv,        "crdownload"sv, "csv"sv,     "ctg"sv,       "dat"sv,
    "db"sv,      "db-journal"sv, "db-shm"sv,     "db-wal"sv,  "doc"sv,       "docx"sv,
    "dop"sv,     "download"sv,   "exe"sv,        "flac"sv,    "flv"sv,       "gz"sv,
    "htm"sv,     "html"sv,       "indd"sv,       "ini"sv,     "insv"sv,      "json"sv,
    "lnk"sv,     "lock"sv,       "log"sv,        "lrcat"sv,   "lrcat-shm"sv, "lrcat-wal"sv,
    "lrf"sv,     "lrprev"sv,     "lrtemplate"sv, "lrv"sv,     "m2ts"sv,      "m4a"sv,
    "m4v"sv,     "md"sv,         "md5"sv,        "mie"sv,     "mkv"sv,       "modd"sv,
    "moff"sv,    "mov"sv,        "mp3"sv,        "mp4"sv,     "mpeg"sv,      "mpg"sv,
    "mpl"sv,     "mts"sv,        "mxf"sv,        "numbers"sv, "ods"sv,       "odt"sv,
    "ogg"sv,     "ogv"sv,        "on1"sv,        "opus"sv,    "pages"sv,     "part"sv,
    "partial"sv, "pdf"sv,        "plist"sv,      "pp3"sv,     "psb"sv,       "psd"sv,
    "rar"sv,     "rtf"sv,        "sha1"sv,       "sha256"sv,  "sqlite"sv,    "srt"sv,
    "svg"sv,     "swp"sv,        "tar"sv,        "tgz"sv,     "thm"sv,       "tmp"sv,
    "toml"sv,    "ts"sv,         "txt"sv,        "vtt"sv,     "wav"sv,       "webm"sv,
    "wma"sv,     "wmv"sv,        "xls"sv,        "xlsx"sv,    "xml"sv,       "xz"sv,
    "yaml"sv,    "yml"sv,        "zip"sv,        "zst"sv};
// Extensions of folders that programs keep for themselves.
constexpr std::array kProgramFolders = {"aplibrary"sv,    "cocatalog"sv,
                                        "lrcat-data"sv,   "lrdata"sv,
                                        "lrlibrary"sv,    "migratedphotolibrary"sv,
                                        "photolibrary"sv, "photoslibrary"sv};
// Whole names of such folders, in lower case: recycle bins, Synology's and Capture One's caches.
constexpr std::array kFolderNames = {"$recycle.bin"sv, "#recycle"sv,
                                     "@eadir"sv,       "captureone"sv,
                                     "lost+found"sv,   "system volume information"sv};

template <std::size_t N>
bool Has(const std::array<std::string_view, N>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// Extensions in the order of how often they are met, so that a listing costs little.
FileKind KindOfExtension(std::string_view extension) {
  if (Has(kPictures, extension)) return FileKind::kPicture;
  if (Has(kRaws, extension)) return FileKind::kRaw;
  if (extension == "xmp") return FileKind::kSidecar;
  return Has(kIgnored, extension) ? FileKind::kIgnored : FileKind::kUnknown;
}

// The extension in lower case in a buffer; empty as LowerExtension() says.
std::string_view Extension(std::string_view name, std::array<char, kLongestExtension>& buffer) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return {};
  const std::string_view extension = name.substr(dot + 1);
  if (extension.size() > buffer.size()) return {};
  std::transform(extension.begin(), extension.end(), buffer.begin(),
                 [](char byte) { return absl::ascii_tolower(static_cast<unsigned char>(byte)); });
  return {buffer.data(), extension.size()};
}

}  // namespace

std::string LowerExtension(std::string_view name) {
  std::array<char, kLongestExtension> buffer;
  return std::string(Extension(name, buffer));
}

std::string_view StemOf(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? name : name.substr(0, dot);
}

bool IsCameraPicture(std::string_view name) {
  std::array<char, kLongestExtension> buffer;
  const std::string_view extension = Extension(name, buffer);
  return extension == "jpg" || extension == "jpeg" || extension == "jpe" || extension == "hif" ||
         extension == "heic" || extension == "heif";
}

PairHalf HalfOf(std::string_view name) {
  if (KindByName(name) == FileKind::kRaw) return PairHalf::kRaw;
  return IsCameraPicture(name) ? PairHalf::kCameraPicture : PairHalf::kNone;
}

bool ArePair(const std::string& path, const std::string& other) {
  const PairHalf half = HalfOf(NameOf(path));
  const PairHalf other_half = HalfOf(NameOf(other));
  return half != PairHalf::kNone && other_half != PairHalf::kNone && half != other_half &&
         FolderOf(path) == FolderOf(other) && StemOf(NameOf(path)) == StemOf(NameOf(other));
}

FileKind KindByName(std::string_view name) {
  if (IsIgnoredName(name)) return FileKind::kIgnored;
  std::array<char, kLongestExtension> buffer;
  const std::string_view extension = Extension(name, buffer);
  return extension.empty() ? FileKind::kUnknown : KindOfExtension(extension);
}

bool IsIgnoredFolderName(std::string_view name) {
  if (IsIgnoredName(name)) return true;
  const std::size_t dot = name.rfind('.');
  const std::string lower = absl::AsciiStrToLower(base::ToAbsl(name));
  if (Has(kFolderNames, lower)) return true;
  return dot != std::string_view::npos &&
         Has(kProgramFolders, std::string_view(lower).substr(dot + 1));
}

FileRules::FileRules(std::vector<std::string> ignore,
                     std::map<std::string, std::vector<std::string>> ignore_in)
    : ignore_(std::move(ignore)), ignore_in_(std::move(ignore_in)) {
  std::erase_if(ignore_in_, [](const auto& one) { return one.second.empty(); });
}

bool FileRules::Matches(const std::string& root, std::string_view folder, std::string_view name,
                        bool is_folder) const {
  const auto own = ignore_in_.find(root);
  if (ignore_.empty() && own == ignore_in_.end()) return false;
  std::string relative;
  if (folder.size() > root.size()) {
    relative = base::Concat(folder.substr(root == "/" ? 1 : root.size() + 1), "/");
  }
  relative += name;
  const auto matches = [&](std::string_view pattern) {
    if (pattern.ends_with('/')) {
      if (!is_folder) return false;
      pattern.remove_suffix(1);
    }
    const bool whole_path = pattern.find('/') != std::string_view::npos;
    if (pattern.starts_with('/')) pattern.remove_prefix(1);
    return MatchesGlob(pattern, whole_path ? std::string_view(relative) : name);
  };
  return std::any_of(ignore_.begin(), ignore_.end(), matches) ||
         (own != ignore_in_.end() && std::any_of(own->second.begin(), own->second.end(), matches));
}

FileKind FileRules::KindOf(const std::string& root, std::string_view folder,
                           std::string_view name) const {
  const FileKind kind = KindByName(name);
  if (kind == FileKind::kIgnored || !Matches(root, folder, name, /*is_folder=*/false)) return kind;
  return FileKind::kIgnored;
}

bool FileRules::IgnoresFolder(const std::string& root, std::string_view folder,
                              std::string_view name) const {
  return IsIgnoredFolderName(name) || Matches(root, folder, name, /*is_folder=*/true);
}

bool FileRules::IgnoresAbove(const std::string& root, std::string_view folder) const {
  // From the root downwards: "/root/a/b" is asked for as "a" in "/root" and "b" in "/root/a".
  std::size_t end = root == "/" ? 0 : root.size();
  while (end < folder.size()) {
    const std::size_t next = std::min(folder.find('/', end + 1), folder.size());
    const std::string_view above = end == 0 ? "/"sv : folder.substr(0, end);
    if (IgnoresFolder(root, above, folder.substr(end + 1, next - end - 1))) return true;
    end = next;
  }
  return false;
}

FileKind FileRules::KindOfPath(const std::string& root, const std::string& path) const {
  const std::string folder = FolderOf(path);
  if (IgnoresAbove(root, folder)) return FileKind::kIgnored;
  return KindOf(root, folder, NameOf(path));
}

bool FileRules::IgnoresFolderPath(const std::string& root, const std::string& folder) const {
  return IgnoresAbove(root, folder);
}

}  // namespace proofline::studio
