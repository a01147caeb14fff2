#include "test/hostd/photo_samples.h"

#include <future>

#include "hostd/order_rules.h"
#include "hostd/record_text.h"
#include "lib/imaging/jpeg_header.h"
#include "lib/rpc/resource_name.h"
#include "test/catch.h"

namespace proofline::host::test {

namespace pb = proofline::v1;

std::string SmallJpeg(const std::string& words) {
  const auto segment = [](char marker, const std::string& content) {
    const std::size_t length = content.size() + 2;
    return std::string{'\xFF', marker, static_cast<char>(length >> 8), static_cast<char>(length)} +
           content;
  };
  const auto huffman = [&](char id) {
    // One code of one bit, for the symbol 0.
    std::string table(1, id);
    table += '\x01';
    table += std::string(15, '\0');
    table += '\0';
    return segment('\xC4', table);
  };
  std::string jpeg = "\xFF\xD8";
  jpeg += segment('\xDB', std::string(1, '\0') + std::string(64, '\x10'));
  jpeg += segment('\xC0', std::string{8, 0, 8, 0, 8, 1, 1, 0x11, 0});
  jpeg += huffman('\x00');
  jpeg += huffman('\x10');
  jpeg += segment('\xDA', std::string{1, 1, 0, 0, 63, 0});
  jpeg += '\x3F';  // DC 0, end of block, filled up with ones
  jpeg += "\xFF\xD9";
  return jpeg + words;
}

std::string PhotoName(const Sample& sample) {
  return rpc::MakeResourceName("studios/*/galleries/*/photos/*",
                               {sample.studio, sample.gallery, sample.photo});
}

std::string JpegOf(const Sample& sample, pb::RenditionKind kind) {
  return SmallJpeg(sample.content + (kind == pb::RENDITION_KIND_PROOF ? " proof" : " thumbnail"));
}

pb::Photo PhotoRecordOf(const Sample& sample) {
  pb::Photo photo;
  photo.set_name(PhotoName(sample));
  photo.set_file_name(sample.photo + ".jpg");
  photo.set_original_digest(std::string(base::Sha256Of("original of " + sample.content).bytes()));
  photo.set_original_size_bytes(1'000'000);
  photo.set_width_px(6000);
  photo.set_height_px(4000);
  photo.set_edited_width_px(6000);
  photo.set_edited_height_px(4000);
  photo.mutable_metadata()->mutable_capture_time()->set_seconds(sample.capture_seconds);
  photo.mutable_metadata()->set_subject(sample.subject);
  for (const pb::RenditionKind kind : {pb::RENDITION_KIND_THUMBNAIL, pb::RENDITION_KIND_PROOF}) {
    pb::Rendition& rendition = *photo.add_renditions();
    const std::string jpeg = JpegOf(sample, kind);
    rendition.set_kind(kind);
    rendition.set_width_px(8);
    rendition.set_height_px(8);
    rendition.set_size_bytes(static_cast<std::int64_t>(jpeg.size()));
    rendition.set_digest(std::string(base::Sha256Of(jpeg).bytes()));
  }
  return photo;
}

pb::PublishEntry PhotoEntry(std::int64_t sequence, const Sample& sample) {
  pb::PublishEntry entry;
  entry.set_sequence(sequence);
  pb::PhotoChange& change = *entry.mutable_photo();
  *change.mutable_photo() = PhotoRecordOf(sample);
  change.set_gallery_title("The " + sample.gallery);
  for (const pb::RenditionKind kind : {pb::RENDITION_KIND_THUMBNAIL, pb::RENDITION_KIND_PROOF}) {
    const std::string jpeg = JpegOf(sample, kind);
    const auto split = imaging::SplitJpegHeader(jpeg);
    REQUIRE(split.ok());
    pb::RenditionData& data = *change.add_renditions();
    data.set_kind(kind);
    data.set_header_digest(std::string(base::Sha256Of(split->header).bytes()));
    data.set_header(std::string(split->header));
    data.set_body(std::string(split->body));
  }
  return entry;
}

pb::PublishEntry WithdrawalEntry(std::int64_t sequence, const Sample& sample) {
  pb::PublishEntry entry;
  entry.set_sequence(sequence);
  entry.mutable_withdrawal()->set_photo(PhotoName(sample));
  return entry;
}

PublishedChange PhotoChangeOf(std::int64_t sequence, const Sample& sample) {
  PublishedChange change;
  change.sequence = sequence;
  change.kind = PublishedChange::Kind::kPhoto;
  change.photo = PhotoRecordOf(sample);
  change.gallery_title = "The " + sample.gallery;
  for (const pb::RenditionKind kind : {pb::RENDITION_KIND_THUMBNAIL, pb::RENDITION_KIND_PROOF}) {
    const std::string jpeg = JpegOf(sample, kind);
    const auto split = imaging::SplitJpegHeader(jpeg);
    REQUIRE(split.ok());
    PublishedRendition rendition;
    rendition.kind = kind;
    rendition.digest = base::Sha256Of(jpeg);
    rendition.header_digest = base::Sha256Of(split->header);
    rendition.header = std::make_shared<const std::string>(split->header);
    rendition.body = std::string(split->body);
    change.renditions.push_back(std::move(rendition));
  }
  return change;
}

PublishedChange WithdrawalOf(std::int64_t sequence, const Sample& sample) {
  PublishedChange change;
  change.sequence = sequence;
  change.kind = PublishedChange::Kind::kWithdrawal;
  change.photo.set_name(PhotoName(sample));
  return change;
}

absl::StatusOr<PublishOutcome> PublishNow(Store& store, const std::string& studio,
                                          const std::string& device, const std::string& catalog,
                                          std::vector<PublishedChange> changes) {
  const auto opened = store.OpenCatalog(studio, device, catalog);
  if (!opened.ok()) return opened.status();
  std::promise<absl::StatusOr<PublishOutcome>> answer;
  store.Publish({studio, device, catalog, std::move(changes)},
                [&](absl::StatusOr<PublishOutcome> outcome) { answer.set_value(outcome); });
  return answer.get_future().get();
}

pb::Lab SampleLab(const std::string& studio) {
  pb::Lab lab;
  lab.set_name(rpc::MakeResourceName("studios/*/labs/*", {studio, "lab"}));
  lab.set_display_name("The lab");
  pb::Product& product = *lab.add_products();
  product.set_name(lab.name() + "/products/small");
  product.set_display_name("Print 10 x 15 cm");
  product.set_paper_width_um(152'400);
  product.set_paper_height_um(101'600);
  product.set_pixels_per_inch(300);
  return lab;
}

void FillStudio(Store& store, const std::string& studio) {
  pb::Studio record;
  record.set_name("studios/" + studio);
  REQUIRE(store.CreateStudio(record).ok());
  for (const std::string device : {"one", "two"}) {
    pb::Device made;
    made.set_name(rpc::MakeResourceName("studios/*/devices/*", {studio, device}));
    REQUIRE(store.CreateDevice(made, base::Sha256Of(studio + device)).ok());
  }
  REQUIRE(store.PutLab(SampleLab(studio)).ok());
}

NewOrder OrderFor(const std::string& studio, const std::string& customer,
                  const std::vector<pb::Photo>& photos, const std::string& request_id) {
  std::vector<pb::OrderLine> lines;
  for (const pb::Photo& photo : photos) {
    pb::OrderLine wanted;
    wanted.set_photo(photo.name());
    wanted.set_product("studios/" + studio + "/labs/lab/products/small");
    wanted.set_quantity(1);
    LineFacts facts;
    facts.photo = photo;
    facts.product = SampleLab(studio).products(0);
    const auto line = CheckLine(wanted, static_cast<int>(lines.size()) + 1, facts);
    REQUIRE(line.ok());
    lines.push_back(*line);
  }
  NewOrder order;
  order.request_id = request_id;
  order.order = AssembleOrder(rpc::MakeResourceName("studios/*/customers/*", {studio, customer}),
                              lines, "", {});
  order.request_digest = base::Sha256Of(ExactBytes(order.order));
  return order;
}

}  // namespace proofline::host::test
