// What an original's file says about itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/digest.h"

namespace proofline::imaging {

// Every text is valid UTF-8 without control characters other than newline and tab, at most
// kMaxFactText bytes, and empty when the file does not say. Nothing private (coordinates, serial
// numbers, thumbnails) is read.
struct ImageFacts {
  static constexpr std::size_t kMaxFactText = 4096;
  static constexpr std::size_t kMaxKeywords = 200;
  static constexpr std::size_t kMaxKeyword = 256;

  // By content, not by name: "jpeg", "tiff", "png", "webp", "heif", "avif", "raw".
  std::string format;
  // Of the upright picture, in pixels. A RAW file's are those of the developed picture as its
  // metadata gives them, or of its embedded preview where it gives none.
  int width = 0;
  int height = 0;
  // The tag as found, 1 to 8; 1 when there is none, or when the format turns the picture by itself.
  int orientation = 1;

  // The bytes that were read to learn all this: what was rendered is what was hashed.
  std::uint64_t size_bytes = 0;
  base::Digest digest;

  // ISO 8601 in the camera's local time, with what the camera recorded: "2024-05-01T12:34:56",
  // "2024-05-01T12:34:56.12+02:00".
  std::string capture_time;
  std::string camera_make;
  std::string camera_model;
  std::string lens;
  // Seconds.
  std::optional<double> exposure_time;
  std::optional<double> f_number;
  std::optional<int> iso;
  std::optional<double> focal_length_mm;

  std::string title;
  std::string caption;
  std::string creator;
  std::string copyright;
  std::vector<std::string> keywords;
  // -1 (rejected) to 5.
  std::optional<int> rating;
  std::string label;
  // Where it was taken, in the words of people: place, city, state, country, with commas between.
  // Never coordinates.
  std::string location;

  friend bool operator==(const ImageFacts&, const ImageFacts&) = default;
};

}  // namespace proofline::imaging
