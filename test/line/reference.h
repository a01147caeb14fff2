// What a picture ought to look like, made by libvips directly and without any of the project's own
// code, and the photographs the line tests are run with.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace proofline::test {

struct Size {
  int width = 0;
  int height = 0;
  double aspect() const { return static_cast<double>(width) / height; }
};

struct Rectangle {
  double left = 0, top = 0, width = 1, height = 1;  // fractions of the upright picture
};

// Starts libvips; once, before anything else here.
void StartVips(const char* program);

// The size of the upright picture when every pixel of the file can be decoded; nothing for a broken
// file.
std::optional<Size> UprightSize(const std::filesystem::path& file);

// The upright picture in sRGB with its longer side `long_edge` (never enlarged), as PNG.
std::string RenditionReference(const std::filesystem::path& file, int long_edge);

// A page of exactly `page` pixels: the part of the upright picture, turned clockwise by a quarter
// where the paper's orientation is another, cut evenly to the paper's shape, as PNG. `border`
// pixels stay white on every side.
std::string PageReference(const std::filesystem::path& file, const Rectangle& part, Size page,
                          int border = 0);

// Writes the upright picture, turned clockwise by 0, 90, 180 or 270 degrees, and of that the part,
// as PNG: what an edit makes of an original.
void WriteEdited(const std::filesystem::path& file, int rotation_degrees, const Rectangle& part,
                 const std::filesystem::path& out);

// How many pixels of two pictures of one size differ in luma by more than `levels` of 255, as a
// fraction; 1 for other sizes.
double ShareOfOthers(const std::string& a, const std::string& b, double levels);

// The pixels of a JPEG or PNG in memory.
Size SizeOf(const std::string& picture);

// How alike two pictures of the same size are: structural similarity of luma, 1 for equal ones. 0
// for other sizes.
double Similarity(const std::string& a, const std::string& b, int shrink = 1);

// Real photographs from PROOFLINE_TEST_PHOTOS: the folders of that name, or without the variable as
// many pictures of our own, made in `scratch`. Every file once, sorted.
std::vector<std::filesystem::path> Photographs(const std::vector<std::string>& folders,
                                               const std::filesystem::path& scratch);

// The same picture stored in the eight EXIF orientations, first to eighth.
std::vector<std::filesystem::path> EightOrientations(const std::filesystem::path& scratch);

}  // namespace proofline::test
