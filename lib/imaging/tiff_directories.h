// The directories of TIFF files and of the camera RAWs built like them: offsets and sizes only,
// read safely from hostile bytes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace proofline::imaging {

// A view of the bytes, which must outlive it.
class TiffDirectories {
 public:
  // Byte order by the first two bytes: "II", or anything else for "MM". The bytes at 4 are the
  // offset of the first directory, whatever kind of file it is.
  explicit TiffDirectories(std::string_view file);

  // Offsets of all directories, each followed by those below it; at most 64.
  const std::vector<std::uint64_t>& offsets() const { return offsets_; }
  // Whether a directory was named that lies beyond the end of the file.
  bool incomplete() const { return incomplete_; }
  // The values of a field of whole or rational numbers, at most 100,000; empty if there is no such.
  std::vector<double> Values(std::uint64_t directory, std::uint64_t tag) const;
  // Whether the file ends before `size` bytes from `offset`.
  bool EndsBefore(double offset, double size) const {
    return offset + size > static_cast<double>(file_.size());
  }

 private:
  std::uint64_t Number(std::uint64_t at, std::uint64_t size) const;
  void Visit(std::uint64_t at, int depth);

  std::string_view file_;
  bool little_endian_;
  bool incomplete_ = false;
  std::vector<std::uint64_t> offsets_;
};

}  // namespace proofline::imaging
