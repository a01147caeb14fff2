// The pictures that cameras put into their RAW files.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace proofline::imaging {

// A JPEG inside a RAW file: a view of the file, which must outlive it, or bytes of its own where a
// library would not say where they are. Copies are as cheap as views, and share what they own.
class EmbeddedJpeg {
 public:
  EmbeddedJpeg() = default;
  explicit EmbeddedJpeg(std::string_view in_file) : bytes_(in_file) {}
  explicit EmbeddedJpeg(std::string own)
      : own_(std::make_shared<const std::string>(std::move(own))), bytes_(*own_) {}

  std::string_view bytes() const { return bytes_; }

 private:
  std::shared_ptr<const std::string> own_;
  std::string_view bytes_;
};

// The JPEGs that the directories of a RAW file name, beside `known`, which LibRaw has found; where
// it has found none, all that Exiv2 does. Empty if there are none, or if the file is broken. Their
// own headers are not checked.
std::vector<EmbeddedJpeg> EmbeddedJpegs(std::string_view raw_file, const EmbeddedJpeg& known);

}  // namespace proofline::imaging
