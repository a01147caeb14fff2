#include "lib/imaging/metadata.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>
#include <exiv2/exiv2.hpp>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "lib/base/text.h"
#include "lib/imaging/exiv2_file.h"
#include "lib/imaging/text.h"

namespace proofline::imaging {
namespace {

// Exiv2 0.28 renamed this.
std::int64_t ToInteger(const Exiv2::Value& value) {
#if EXIV2_TEST_VERSION(0, 28, 0)
  return value.toInt64(0);
#else
  return value.toLong(0);
#endif
}

// One kind of metadata of one file, asked by key. A key this Exiv2 does not know, and a value it
// cannot convert, are absent.
template <typename Data, typename Key>
class Reader {
 public:
  explicit Reader(const Data& data) : data_(data) {}

  const Exiv2::Value* Find(const char* key) const {
    try {
      const auto found = data_.findKey(Key(key));
      if (found == data_.end() || found->count() == 0) return nullptr;
      return &found->value();
    } catch (const std::exception&) {
      return nullptr;
    }
  }

  std::string Text(const char* key) const {
    const Exiv2::Value* value = Find(key);
    if (value == nullptr) return {};
    try {
      // For a text in several languages this is the default one.
      const bool many = value->typeId() == Exiv2::langAlt || value->typeId() == Exiv2::xmpBag ||
                        value->typeId() == Exiv2::xmpSeq || value->typeId() == Exiv2::xmpAlt;
      return CleanText(many ? value->toString(0) : value->toString(), ImageFacts::kMaxFactText);
    } catch (const std::exception&) {
      return {};
    }
  }

  std::optional<std::int64_t> Integer(const char* key) const {
    const Exiv2::Value* value = Find(key);
    if (value == nullptr) return std::nullopt;
    try {
      const std::int64_t integer = ToInteger(*value);
      // A text that is no number becomes 0.
      if (value->ok()) return integer;
    } catch (const std::exception&) {
    }
    return std::nullopt;
  }

  std::optional<double> Positive(const char* key) const {
    const Exiv2::Value* value = Find(key);
    if (value == nullptr) return std::nullopt;
    try {
      const double number = value->toFloat(0);
      if (std::isfinite(number) && number > 0) return number;
    } catch (const std::exception&) {
    }
    return std::nullopt;
  }

  // All values of all entries of a key that may repeat.
  std::vector<std::string> All(std::string_view key) const {
    std::vector<std::string> all;
    try {
      for (const auto& datum : data_) {
        if (datum.key() != key) continue;
        const auto count = static_cast<std::size_t>(datum.count());
        const bool one = datum.typeId() == Exiv2::string || datum.typeId() == Exiv2::xmpText;
        for (std::size_t i = 0; i < (one ? 1 : count) && i < ImageFacts::kMaxKeywords; ++i) {
          using Index = std::conditional_t<EXIV2_TEST_VERSION(0, 28, 0), std::size_t, long>;
          all.push_back(one ? datum.toString() : datum.toString(static_cast<Index>(i)));
        }
      }
    } catch (const std::exception&) {
    }
    return all;
  }

 private:
  const Data& data_;
};

using ExifReader = Reader<Exiv2::ExifData, Exiv2::ExifKey>;
using XmpReader = Reader<Exiv2::XmpData, Exiv2::XmpKey>;
using IptcReader = Reader<Exiv2::IptcData, Exiv2::IptcKey>;

template <typename... Texts>
std::string FirstOf(Texts... texts) {
  std::string first;
  ((first.empty() ? static_cast<void>(first = std::move(texts)) : void()), ...);
  return first;
}

int Digits(std::string_view text, std::size_t at, std::size_t count) {
  int number = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (i >= text.size() || !absl::ascii_isdigit(static_cast<unsigned char>(text[i]))) return -1;
    number = number * 10 + (text[i] - '0');
  }
  return number;
}

bool IsOffset(std::string_view text) {
  if (text == "Z") return true;
  return text.size() == 6 && (text[0] == '+' || text[0] == '-') && text[3] == ':' &&
         Digits(text, 1, 2) >= 0 && Digits(text, 1, 2) <= 14 && Digits(text, 4, 2) >= 0 &&
         Digits(text, 4, 2) <= 59;
}

// From "2024:05:01 12:34:56" or "2024-05-01T12:34:56…"; what EXIF keeps beside it goes after it.
// Empty for what is not a moment in time, such as the zeros of a camera whose clock was never set.
std::string MakeTime(std::string_view moment, std::string_view fraction, std::string_view offset) {
  const int year = Digits(moment, 0, 4);
  const int month = Digits(moment, 5, 2);
  const int day = Digits(moment, 8, 2);
  const int hour = Digits(moment, 11, 2);
  const int minute = Digits(moment, 14, 2);
  const int second = Digits(moment, 17, 2);
  const bool valid = year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour >= 0 &&
                     hour <= 23 && minute >= 0 && minute <= 59 && second >= 0 && second <= 60;
  if (!valid) return {};
  std::string time =
      absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, hour, minute, second);
  std::string digits(fraction);
  absl::StripAsciiWhitespace(&digits);
  const bool all_digits = std::all_of(digits.begin(), digits.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
  if (!digits.empty() && all_digits) time += "." + digits.substr(0, 9);
  if (IsOffset(offset)) time += offset;
  return time;
}

std::string CaptureTime(const ExifReader& exif, const XmpReader& xmp, const IptcReader& iptc) {
  const std::string offset = exif.Text("Exif.Photo.OffsetTimeOriginal");
  std::string time = MakeTime(exif.Text("Exif.Photo.DateTimeOriginal"),
                              exif.Text("Exif.Photo.SubSecTimeOriginal"), offset);
  if (time.empty()) {
    time = MakeTime(exif.Text("Exif.Photo.DateTimeDigitized"),
                    exif.Text("Exif.Photo.SubSecTimeDigitized"),
                    exif.Text("Exif.Photo.OffsetTimeDigitized"));
  }
  if (time.empty()) time = MakeTime(exif.Text("Exif.Image.DateTimeOriginal"), "", offset);
  for (const char* key : {"Xmp.exif.DateTimeOriginal", "Xmp.photoshop.DateCreated"}) {
    if (!time.empty()) break;
    const std::string text = xmp.Text(key);
    std::string_view tail = std::string_view(text).substr(std::min<std::size_t>(19, text.size()));
    std::string_view fraction;
    if (tail.starts_with('.')) {
      fraction = tail.substr(1, tail.find_first_not_of("0123456789", 1) - 1);
      tail.remove_prefix(1 + fraction.size());
    }
    time = MakeTime(text, fraction, tail);
  }
  if (time.empty()) {
    const std::string date = iptc.Text("Iptc.Application2.DateCreated");
    const std::string of_day = iptc.Text("Iptc.Application2.TimeCreated");
    time = MakeTime(base::Concat(date, " ", of_day), "",
                    of_day.size() == 14 ? std::string_view(of_day).substr(8) : std::string_view());
  }
  if (time.empty()) {
    time = MakeTime(exif.Text("Exif.Image.DateTime"), exif.Text("Exif.Photo.SubSecTime"),
                    exif.Text("Exif.Photo.OffsetTime"));
  }
  return time;
}

// Cameras name lenses by number; Exiv2 knows many of the names.
std::string NumberedLens(const Exiv2::ExifData& data) {
  std::string name;
  try {
    const auto found = Exiv2::lensName(data);
    if (found == data.end()) return {};
    name = CleanLine(found->print(&data), 200);
  } catch (const std::exception&) {
    return {};
  }
  const std::string lower = absl::AsciiStrToLower(name);
  const bool no_name = name.empty() || name[0] == '(' || lower.starts_with("n/a") ||
                       lower.starts_with("unknown") || lower.starts_with("none") ||
                       std::all_of(name.begin(), name.end(), [](char c) {
                         return !absl::ascii_isalpha(static_cast<unsigned char>(c));
                       });
  return no_name ? std::string() : name;
}

std::string LensName(const Exiv2::ExifData& data, const ExifReader& exif) {
  std::string name = exif.Text("Exif.Photo.LensModel");
  if (name.empty()) name = NumberedLens(data);
  return name.empty() ? exif.Text("Exif.Canon.LensModel") : name;
}

std::optional<int> Sensitivity(const Exiv2::ExifData& data) {
  try {
    const auto found = Exiv2::isoSpeed(data);
    if (found == data.end() || found->count() == 0) return std::nullopt;
    const std::int64_t iso = ToInteger(found->value());
    if (iso > 0 && iso <= 100'000'000) return static_cast<int>(iso);
  } catch (const std::exception&) {
  }
  return std::nullopt;
}

// Some cameras write the tag beside the exposure instead of beside the picture.
std::optional<int> Orientation(const ExifReader& exif) {
  for (const char* key : {"Exif.Image.Orientation", "Exif.Photo.0x0112"}) {
    const std::optional<std::int64_t> value = exif.Integer(key);
    if (value && *value >= 1 && *value <= 8) return static_cast<int>(*value);
  }
  return std::nullopt;
}

// By the rules of DCF: not sRGB, and the option file's kind of JPEG. "Uncalibrated" alone means no
// more than that it is not sRGB, and 2 is what some cameras write all the same.
bool IsAdobeRgb(const ExifReader& exif) {
  constexpr std::int64_t kAdobeRgb = 2;
  constexpr std::int64_t kUncalibrated = 65535;
  const std::int64_t space = exif.Integer("Exif.Photo.ColorSpace").value_or(1);
  if (space == kAdobeRgb) return true;
  return space == kUncalibrated && exif.Text("Exif.Iop.InteroperabilityIndex").starts_with("R03");
}

std::optional<int> Rating(const ExifReader& exif, const XmpReader& xmp) {
  std::optional<std::int64_t> rating = xmp.Integer("Xmp.xmp.Rating");
  if (!rating) rating = exif.Integer("Exif.Image.Rating");
  if (!rating || *rating < -1 || *rating > 5) return std::nullopt;
  return static_cast<int>(*rating);
}

std::vector<std::string> Keywords(const XmpReader& xmp, const IptcReader& iptc) {
  std::vector<std::string> keywords;
  for (const std::vector<std::string>& source :
       {xmp.All("Xmp.dc.subject"), iptc.All("Iptc.Application2.Keywords")}) {
    for (const std::string& raw : source) {
      std::string keyword = CleanLine(raw, ImageFacts::kMaxKeyword);
      if (keyword.empty() || keywords.size() >= ImageFacts::kMaxKeywords) continue;
      if (std::find(keywords.begin(), keywords.end(), keyword) == keywords.end()) {
        keywords.push_back(std::move(keyword));
      }
    }
  }
  return keywords;
}

std::string Joined(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) {
    if (!joined.empty() && !name.empty()) joined += ", ";
    joined += name;
  }
  return CleanText(joined, ImageFacts::kMaxFactText);
}

// Smallest place first, as an address is written.
std::string Location(const XmpReader& xmp, const IptcReader& iptc) {
  return Joined(
      {FirstOf(xmp.Text("Xmp.iptc.Location"), iptc.Text("Iptc.Application2.SubLocation")),
       FirstOf(xmp.Text("Xmp.photoshop.City"), iptc.Text("Iptc.Application2.City")),
       FirstOf(xmp.Text("Xmp.photoshop.State"), iptc.Text("Iptc.Application2.ProvinceState")),
       FirstOf(xmp.Text("Xmp.photoshop.Country"), iptc.Text("Iptc.Application2.CountryName"))});
}

Metadata Collect(const Exiv2::ExifData& exif_data, const Exiv2::XmpData& xmp_data,
                 const Exiv2::IptcData& iptc_data) {
  const ExifReader exif(exif_data);
  const XmpReader xmp(xmp_data);
  const IptcReader iptc(iptc_data);
  Metadata metadata;
  metadata.orientation = Orientation(exif);
  metadata.adobe_rgb = IsAdobeRgb(exif);
  ImageFacts& facts = metadata.facts;
  facts.capture_time = CaptureTime(exif, xmp, iptc);
  facts.camera_make = CleanLine(exif.Text("Exif.Image.Make"), 200);
  facts.camera_model = CleanLine(exif.Text("Exif.Image.Model"), 200);
  facts.lens = CleanLine(LensName(exif_data, exif), 200);
  facts.exposure_time = exif.Positive("Exif.Photo.ExposureTime");
  facts.f_number = exif.Positive("Exif.Photo.FNumber");
  facts.iso = Sensitivity(exif_data);
  facts.focal_length_mm = exif.Positive("Exif.Photo.FocalLength");
  facts.title = FirstOf(xmp.Text("Xmp.dc.title"), iptc.Text("Iptc.Application2.ObjectName"));
  facts.caption = FirstOf(xmp.Text("Xmp.dc.description"), iptc.Text("Iptc.Application2.Caption"),
                          exif.Text("Exif.Image.ImageDescription"));
  facts.creator =
      FirstOf(Joined(xmp.All("Xmp.dc.creator")), Joined(iptc.All("Iptc.Application2.Byline")),
              exif.Text("Exif.Image.Artist"));
  facts.copyright = FirstOf(xmp.Text("Xmp.dc.rights"), iptc.Text("Iptc.Application2.Copyright"),
                            exif.Text("Exif.Image.Copyright"));
  facts.keywords = Keywords(xmp, iptc);
  facts.rating = Rating(exif, xmp);
  facts.label = CleanLine(xmp.Text("Xmp.xmp.Label"), ImageFacts::kMaxKeyword);
  facts.location = CleanLine(Location(xmp, iptc), ImageFacts::kMaxFactText);
  return metadata;
}

const Exiv2::byte* Bytes(std::string_view text) {
  return reinterpret_cast<const Exiv2::byte*>(text.data());
}

}  // namespace

void StartMetadata() {
  Exiv2::LogMsg::setLevel(Exiv2::LogMsg::mute);
  Exiv2::XmpParser::initialize();
#if EXIV2_TEST_VERSION(0, 27, 4) && !EXIV2_TEST_VERSION(0, 28, 0)
  // Canon's newer camera RAWs; later versions read them unasked.
  Exiv2::enableBMFF();
#endif
}

Metadata ReadMetadata(std::string_view file, ImageFormat format) {
  try {
    const auto image = OpenForMetadata(file);
    image->readMetadata();
    Metadata metadata = Collect(image->exifData(), image->xmpData(), image->iptcData());
    if (format == ImageFormat::kRaw) {
      metadata.width = static_cast<int>(image->pixelWidth());
      metadata.height = static_cast<int>(image->pixelHeight());
    }
    return metadata;
  } catch (const std::exception&) {
    return {};
  }
}

Metadata ReadMetadataBlocks(std::string_view exif, std::string_view xmp) {
  Exiv2::ExifData exif_data;
  Exiv2::XmpData xmp_data;
  try {
    if (exif.starts_with(std::string_view("Exif\0\0", 6))) exif.remove_prefix(6);
    if (!exif.empty()) {
      Exiv2::ExifParser::decode(exif_data, Bytes(exif), static_cast<std::uint32_t>(exif.size()));
    }
  } catch (const std::exception&) {
    exif_data.clear();
  }
  try {
    if (!xmp.empty()) Exiv2::XmpParser::decode(xmp_data, std::string(xmp));
  } catch (const std::exception&) {
    xmp_data.clear();
  }
  return Collect(exif_data, xmp_data, {});
}

void ApplySidecar(std::string_view xmp, ImageFacts& facts) {
  if (xmp.empty()) return;
  ImageFacts said = ReadMetadataBlocks({}, xmp).facts;
  const auto replace = [](std::string& old, std::string& by) {
    if (!by.empty()) old = std::move(by);
  };
  replace(facts.title, said.title);
  replace(facts.caption, said.caption);
  replace(facts.creator, said.creator);
  replace(facts.copyright, said.copyright);
  replace(facts.label, said.label);
  replace(facts.location, said.location);
  if (!said.keywords.empty()) facts.keywords = std::move(said.keywords);
  if (said.rating) facts.rating = said.rating;
}

}  // namespace proofline::imaging
