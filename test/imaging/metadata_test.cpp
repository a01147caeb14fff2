#include "lib/imaging/metadata.h"

#include "lib/imaging/text.h"
#include "test/catch.h"
#include "test/imaging/test_pictures.h"

namespace proofline::imaging {
namespace {

ImageFacts FactsOf(const test::Tags& tags) {
  return ReadMetadata(test::WithTags(test::SceneJpeg(64, 48), tags), ImageFormat::kJpeg).facts;
}

TEST_CASE("a camera's tags become facts") {
  const ImageFacts facts = FactsOf({.exif = {{"Exif.Image.Make", "Canon"},
                                             {"Exif.Image.Model", "Canon EOS 5D"},
                                             {"Exif.Photo.DateTimeOriginal", "2024:05:01 12:34:56"},
                                             {"Exif.Photo.SubSecTimeOriginal", "07"},
                                             {"Exif.Photo.ExposureTime", "1/250"},
                                             {"Exif.Photo.FNumber", "28/10"},
                                             {"Exif.Photo.ISOSpeedRatings", "400"},
                                             {"Exif.Photo.FocalLength", "85/1"},
                                             {"Exif.Photo.LensModel", "EF 85mm"}},
                                    .iptc = {},
                                    .xmp = {}});
  CHECK(facts.camera_make == "Canon");
  CHECK(facts.camera_model == "Canon EOS 5D");
  CHECK(facts.lens == "EF 85mm");
  CHECK(facts.capture_time == "2024-05-01T12:34:56.07");
  CHECK(test::Near(*facts.exposure_time, 0.004));
  CHECK(test::Near(*facts.f_number, 2.8));
  CHECK(facts.iso == 400);
  CHECK(test::Near(*facts.focal_length_mm, 85));
}

TEST_CASE("what a person wrote is read from XMP before IPTC before EXIF") {
  const test::Tags iptc{
      .exif = {{"Exif.Image.ImageDescription", "from exif"}, {"Exif.Image.Copyright", "exif (c)"}},
      .iptc = {{"Iptc.Application2.Caption", "from iptc"},
               {"Iptc.Application2.Keywords", "wedding"},
               {"Iptc.Application2.Keywords", "Zo\xEB"}},
      .xmp = {}};
  ImageFacts facts = FactsOf(iptc);
  CHECK(facts.caption == "from iptc");
  CHECK(facts.copyright == "exif (c)");
  CHECK(facts.keywords == std::vector<std::string>{"wedding", "Zo\xC3\xAB"});

  test::Tags both = iptc;
  both.xmp = {{"Xmp.dc.description", "lang=\"x-default\" from xmp"},
              {"Xmp.dc.title", "lang=\"x-default\" A title"},
              {"Xmp.dc.creator", "Ann"},
              {"Xmp.xmp.Rating", "4"},
              {"Xmp.xmp.Label", "Green"}};
  facts = FactsOf(both);
  CHECK(facts.caption == "from xmp");
  CHECK(facts.title == "A title");
  CHECK(facts.creator == "Ann");
  CHECK(facts.rating == 4);
  CHECK(facts.label == "Green");
}

TEST_CASE("a capture time that is none is absent") {
  for (const char* text : {"0000:00:00 00:00:00", "    :  :     :  :  ", "2024:13:01 00:00:00",
                           "2024:05:01 25:00:00", "yesterday", ""}) {
    CHECK(FactsOf({.exif = {{"Exif.Photo.DateTimeOriginal", text}}, .iptc = {}, .xmp = {}})
              .capture_time.empty());
  }
}

TEST_CASE("a rating out of range and impossible numbers are absent") {
  const ImageFacts facts =
      FactsOf({.exif = {{"Exif.Photo.ExposureTime", "1/0"}, {"Exif.Photo.FNumber", "0/1"}},
               .iptc = {},
               .xmp = {{"Xmp.xmp.Rating", "99"}}});
  CHECK_FALSE(facts.exposure_time);
  CHECK_FALSE(facts.f_number);
  CHECK_FALSE(facts.rating);
}

TEST_CASE("long texts and many keywords are cut") {
  test::Tags tags{
      .exif = {{"Exif.Image.ImageDescription", std::string(20000, 'x')}}, .iptc = {}, .xmp = {}};
  for (int i = 0; i < 500; ++i) {
    tags.iptc.emplace_back("Iptc.Application2.Keywords", "keyword " + std::to_string(i));
  }
  const ImageFacts facts = FactsOf(tags);
  CHECK(facts.caption.size() == ImageFacts::kMaxFactText);
  CHECK(facts.keywords.size() == ImageFacts::kMaxKeywords);
}

TEST_CASE("an orientation beyond 1 to 8 is none") {
  const std::string jpeg = test::WithTags(
      test::SceneJpeg(64, 48), {.exif = {{"Exif.Image.Orientation", "9"}}, .iptc = {}, .xmp = {}});
  CHECK_FALSE(ReadMetadata(jpeg, ImageFormat::kJpeg).orientation);
}

TEST_CASE("damaged metadata is no metadata, and no failure") {
  const std::string jpeg = test::WithTags(
      test::SceneJpeg(64, 48), {.exif = {{"Exif.Image.Make", "Canon"}}, .iptc = {}, .xmp = {}});
  for (std::size_t size = 0; size < jpeg.size(); size += 7) {
    CHECK(IsValidUtf8(ReadMetadata(jpeg.substr(0, size), ImageFormat::kJpeg).facts.camera_make));
  }
  CHECK(ReadMetadataBlocks("Exif", "<x:xmpmeta").facts == ImageFacts{});
}

}  // namespace
}  // namespace proofline::imaging
