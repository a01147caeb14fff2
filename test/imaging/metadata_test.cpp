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

TEST_CASE("a capture time has its offset and the part of the second, wherever they stand") {
  const auto time_of = [](const test::Tags& tags) { return FactsOf(tags).capture_time; };
  CHECK(time_of({.exif = {{"Exif.Photo.DateTimeOriginal", "2024:05:01 12:34:56"},
                          {"Exif.Photo.SubSecTimeOriginal", "123"},
                          {"Exif.Photo.OffsetTimeOriginal", "-03:30"}}}) ==
        "2024-05-01T12:34:56.123-03:30");
  CHECK(time_of({.exif = {{"Exif.Photo.DateTimeDigitized", "2024:05:01 12:34:56"},
                          {"Exif.Photo.OffsetTimeDigitized", "+02:00"}}}) ==
        "2024-05-01T12:34:56+02:00");
  CHECK(time_of({.xmp = {{"Xmp.photoshop.DateCreated", "2024-05-01T12:34:56.25+02:00"}}}) ==
        "2024-05-01T12:34:56.25+02:00");
  CHECK(time_of({.xmp = {{"Xmp.exif.DateTimeOriginal", "2024-05-01T12:34:56Z"}}}) ==
        "2024-05-01T12:34:56Z");
  CHECK(time_of({.exif = {{"Exif.Photo.DateTimeOriginal", "2024:05:01 12:34:56"},
                          {"Exif.Photo.SubSecTimeOriginal", "   "},
                          {"Exif.Photo.OffsetTimeOriginal", "   :  "}}}) == "2024-05-01T12:34:56");
}

TEST_CASE("an orientation tag beside the exposure counts where the picture has none") {
  const auto orientation_of = [](const test::Tags& tags) {
    const std::string plain = test::Encoded(test::Scene(64, 48), ".jpg[strip]");
    std::string tagged = test::WithTags(plain, tags);
    // A tag that belongs there, renamed to one that does not.
    for (const auto& [from, to] :
         {std::pair<std::string, std::string>{"\x01\xA0\x03", "\x12\x01\x03"},
          {std::string("\xA0\x01\0\x03", 4), std::string("\x01\x12\0\x03", 4)}}) {
      if (const std::size_t at = tagged.find(from); at != std::string::npos) {
        tagged.replace(at, from.size(), to);
      }
    }
    return ReadMetadata(tagged, ImageFormat::kJpeg).orientation;
  };
  CHECK(orientation_of({.exif = {{"Exif.Photo.ColorSpace", "6"}}}) == 6);
  CHECK(orientation_of(
            {.exif = {{"Exif.Image.Orientation", "8"}, {"Exif.Photo.ColorSpace", "6"}}}) == 8);
  CHECK_FALSE(orientation_of(
      {.exif = {{"Exif.Thumbnail.Orientation", "6"}, {"Exif.Thumbnail.Compression", "6"}}}));
}

TEST_CASE("a location is what people wrote, smallest place first, and never coordinates") {
  CHECK(FactsOf({.iptc = {{"Iptc.Application2.SubLocation", "Old Mill"},
                          {"Iptc.Application2.City", "Z\xFCrich"},
                          {"Iptc.Application2.CountryName", "Switzerland"}}})
            .location == "Old Mill, Z\xC3\xBCrich, Switzerland");
  CHECK(FactsOf({.iptc = {{"Iptc.Application2.City", "Basel"},
                          {"Iptc.Application2.ProvinceState", "BS"}},
                 .xmp = {{"Xmp.photoshop.City", "Bern"}, {"Xmp.iptc.Location", "Bundesplatz"}}})
            .location == "Bundesplatz, Bern, BS");
  CHECK(FactsOf({.exif = {{"Exif.GPSInfo.GPSLatitudeRef", "N"},
                          {"Exif.GPSInfo.GPSLatitude", "52/1 30/1 0/1"}}})
            .location.empty());
}

std::string Sidecar(const std::string& attributes, const std::string& elements = "") {
  return "<?xpacket begin='\xEF\xBB\xBF' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta "
         "xmlns:x='adobe:ns:meta/'><rdf:RDF "
         "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about='' "
         "xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:xmp='http://ns.adobe.com/xap/1.0/' "
         "xmlns:photoshop='http://ns.adobe.com/photoshop/1.0/' " +
         attributes + ">" + elements +
         "</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>";
}

TEST_CASE("what a sidecar says stands in the place of what the file says") {
  ImageFacts facts;
  facts.title = "old title";
  facts.caption = "old caption";
  facts.keywords = {"old"};
  facts.rating = 3;
  facts.label = "Red";
  facts.camera_model = "EOS 5D";
  const ImageFacts before = facts;
  ApplySidecar(
      Sidecar("xmp:Rating='0' xmp:Label='Green' photoshop:City='Bern'",
              "<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>new &amp; better</rdf:li></rdf:Alt>"
              "</dc:title><dc:subject><rdf:Bag><rdf:li>a</rdf:li><rdf:li>b</rdf:li></rdf:Bag>"
              "</dc:subject><dc:creator><rdf:Seq><rdf:li>Ann</rdf:li></rdf:Seq></dc:creator>"
              "<dc:rights><rdf:Alt><rdf:li xml:lang='x-default'>(c) Ann</rdf:li></rdf:Alt>"
              "</dc:rights>"),
      facts);
  CHECK(facts.title == "new & better");
  CHECK(facts.caption == "old caption");
  CHECK(facts.keywords == std::vector<std::string>{"a", "b"});
  CHECK(facts.rating == 0);
  CHECK(facts.label == "Green");
  CHECK(facts.creator == "Ann");
  CHECK(facts.copyright == "(c) Ann");
  CHECK(facts.location == "Bern");
  CHECK(facts.camera_model == "EOS 5D");

  for (const std::string& nothing :
       {std::string(), std::string("no XMP"), Sidecar("").substr(0, 120), Sidecar(""),
        Sidecar("xmp:Rating='many'"), std::string(5000, '\0')}) {
    facts = before;
    ApplySidecar(nothing, facts);
    CHECK(facts == before);
  }
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
