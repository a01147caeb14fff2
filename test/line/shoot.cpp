#include "test/line/shoot.h"

#include <algorithm>
#include <stdexcept>

#include "lib/base/digest.h"
#include "lib/rpc/channel.h"

namespace proofline::test {
namespace {

namespace fs = std::filesystem;

// A page and its reference at a quarter of their size: a shift of half a page pixel, which is as
// exact as the reference is, costs next to nothing there, one of four pixels or another photograph
// fails.
constexpr int kShrink = 4;
constexpr double kSamePage = 0.95;

constexpr const char* kProducts = "studios/demo/labs/lab/products/";
// Short enough that a test which revives daemons gets to it.
constexpr std::chrono::seconds kProductsComeIn{20};

// Long enough for an answer, short enough that a test which revives daemons gets to it.
void Deadline(grpc::ClientContext& context) {
  context.set_wait_for_ready(true);
  rpc::WithDeadline(context, std::chrono::seconds(10));
}

void Require(const grpc::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.error_message());
}

// The studio's device tells the host of them once it has reached the lab.
void AwaitProducts(const Line& line, const std::string& session, const std::vector<Wish>& wishes) {
  const auto storefront = line.Storefront(session);
  const bool there = WaitUntil(
      [&] {
        grpc::ClientContext context;
        Deadline(context);
        v1::ListProductsResponse products;
        Require(storefront->ListProducts(&context, {}, &products));
        return std::all_of(wishes.begin(), wishes.end(), [&](const Wish& wish) {
          return std::any_of(products.products().begin(), products.products().end(),
                             [&](const v1::Product& product) {
                               return product.name() == kProducts + wish.product;
                             });
        });
      },
      kProductsComeIn);
  if (!there) throw std::runtime_error("the host has not heard of the lab's products");
}

}  // namespace

void Bring(const Line& line, const std::string& folder, const std::vector<fs::path>& files) {
  fs::create_directories(line.watched() / folder);
  for (const fs::path& file : files) {
    const fs::path copy = line.watched() / folder / file.filename();
    fs::copy_file(file, copy);
    fs::permissions(copy, fs::perms::owner_read | fs::perms::owner_write);
  }
}

std::vector<std::string> LocalGalleries(const Line& line) {
  const auto studio = line.Studio();
  std::vector<std::string> names;
  v1::ListLocalGalleriesRequest request;
  do {
    grpc::ClientContext context;
    Deadline(context);
    v1::ListLocalGalleriesResponse response;
    Require(studio->ListLocalGalleries(&context, request, &response));
    for (const v1::Gallery& gallery : response.galleries()) names.push_back(gallery.name());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return names;
}

std::vector<v1::Photo> AllVisible(const Line& line, const std::string& session, int page_size) {
  const auto storefront = line.Storefront(session);
  std::vector<v1::Photo> photos;
  v1::ListGalleriesRequest galleries_request;
  do {
    grpc::ClientContext context;
    Deadline(context);
    v1::ListGalleriesResponse galleries;
    Require(storefront->ListGalleries(&context, galleries_request, &galleries));
    for (const v1::Gallery& gallery : galleries.galleries()) {
      v1::ListPhotosRequest request;
      request.set_parent(gallery.name());
      request.set_page_size(page_size);
      do {
        grpc::ClientContext page_context;
        Deadline(page_context);
        v1::ListPhotosResponse page;
        Require(storefront->ListPhotos(&page_context, request, &page));
        photos.insert(photos.end(), page.photos().begin(), page.photos().end());
        request.set_page_token(page.next_page_token());
      } while (!request.page_token().empty());
    }
    galleries_request.set_page_token(galleries.next_page_token());
  } while (!galleries_request.page_token().empty());
  return photos;
}

std::map<std::string, v1::Photo> VisiblePhotos(const Line& line, const std::string& session,
                                               int page_size) {
  std::map<std::string, v1::Photo> photos;
  for (v1::Photo& photo : AllVisible(line, session, page_size)) {
    const std::string file = photo.file_name();
    photos[file] = std::move(photo);
  }
  return photos;
}

std::string Fetch(const Line& line, const std::string& session, const v1::Photo& photo,
                  v1::RenditionKind kind) {
  grpc::ClientContext context;
  Deadline(context);
  v1::GetRenditionRequest request;
  request.set_photo(photo.name());
  request.set_kind(kind);
  v1::GetRenditionResponse response;
  Require(line.Storefront(session)->GetRendition(&context, request, &response));
  for (const v1::Rendition& rendition : photo.renditions()) {
    if (rendition.kind() != kind) continue;
    const auto digest = base::Digest::FromBytes(rendition.digest());
    if (digest.ok() && *digest == base::Sha256Of(response.content())) return response.content();
  }
  throw std::runtime_error("the rendition of " + photo.name() + " is not the one that was made");
}

std::map<std::string, v1::LocalPhoto> LocalPhotos(const Line& line, v1::LocalPhotoState state) {
  const auto studio = line.Studio();
  std::map<std::string, v1::LocalPhoto> photos;
  v1::ListLocalPhotosRequest request;
  request.set_state(state);
  do {
    grpc::ClientContext context;
    Deadline(context);
    v1::ListLocalPhotosResponse response;
    Require(studio->ListLocalPhotos(&context, request, &response));
    for (const v1::LocalPhoto& photo : response.photos()) photos[photo.photo().file_name()] = photo;
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return photos;
}

Rectangle PartOfShape(const v1::Photo& photo, Size page, int border, double shift) {
  Size inner{page.width - 2 * border, page.height - 2 * border};
  const Size picture{photo.edited_width_px(), photo.edited_height_px()};
  if ((picture.width > picture.height) != (inner.width > inner.height)) {
    std::swap(inner.width, inner.height);
  }
  Rectangle part;
  if (picture.aspect() > inner.aspect()) {
    part.width = inner.aspect() / picture.aspect();
    part.left = (1 - part.width) * shift;
  } else {
    part.height = picture.aspect() / inner.aspect();
    part.top = (1 - part.height) * shift;
  }
  return part;
}

v1::Order PlaceOrder(const Line& line, const std::string& session, const std::string& request_id,
                     const std::vector<Wish>& wishes) {
  AwaitProducts(line, session, wishes);
  v1::CreateOrderRequest request;
  request.set_request_id(request_id);
  for (const Wish& wish : wishes) {
    v1::OrderLine* ordered = request.mutable_order()->add_lines();
    ordered->set_photo(wish.photo.name());
    ordered->set_product(kProducts + wish.product);
    ordered->set_quantity(wish.quantity);
    if (wish.part.width < 1 || wish.part.height < 1) {
      v1::Crop* crop = ordered->mutable_print_crop();
      crop->set_left(wish.part.left);
      crop->set_top(wish.part.top);
      crop->set_width(wish.part.width);
      crop->set_height(wish.part.height);
    }
  }
  grpc::ClientContext context;
  Deadline(context);
  v1::Order order;
  Require(line.Storefront(session)->CreateOrder(&context, request, &order));
  return order;
}

std::string JudgePages(const std::vector<fs::path>& pages, const std::vector<Wish>& wishes) {
  std::vector<std::string> contents;
  for (const fs::path& page : pages) contents.push_back(ReadText(page));
  std::vector<bool> taken(contents.size());
  std::string verdict;
  for (const Wish& wish : wishes) {
    const std::string reference = PageReference(wish.original, wish.part, wish.page, wish.border);
    int found = 0;
    double best = 0;
    for (size_t i = 0; i < contents.size() && found < wish.quantity; ++i) {
      const Size size = SizeOf(contents[i]);
      if (taken[i] || size.width != wish.page.width || size.height != wish.page.height) continue;
      const double similarity = Similarity(contents[i], reference, kShrink);
      best = std::max(best, similarity);
      if (similarity >= kSamePage) {
        taken[i] = true;
        ++found;
      }
    }
    if (found != wish.quantity) {
      verdict += wish.original.filename().string() + " as " + wish.product + ": " +
                 std::to_string(found) + " pages instead of " + std::to_string(wish.quantity) +
                 " (most alike: " + std::to_string(best) + ")\n";
    }
  }
  for (size_t i = 0; i < pages.size(); ++i) {
    if (!taken[i]) verdict += pages[i].filename().string() + " was never ordered\n";
  }
  return verdict;
}

// Where the lab cannot know whether a page was printed it asks its operator, who looks at the
// printer's output.
void ActAsOperator(const Line& line, const std::vector<Wish>& wishes) {
  const auto lab = line.Lab();
  grpc::ClientContext context;
  rpc::WithDeadline(context, std::chrono::seconds(30));
  v1::ListJobsResponse jobs;
  if (!lab->ListJobs(&context, {}, &jobs).ok()) return;
  for (const v1::Job& job : jobs.jobs()) {
    for (const v1::Item& item : job.items()) {
      if (item.state() != v1::ITEM_STATE_HELD) continue;
      const Wish& wish = wishes.at(static_cast<size_t>(item.line_number()) - 1);
      const std::string reference = PageReference(wish.original, wish.part, wish.page, wish.border);
      const std::vector<fs::path> pages = line.Pages();
      const bool printed = std::any_of(pages.begin(), pages.end(), [&](const fs::path& page) {
        return Similarity(ReadText(page), reference, kShrink) >= kSamePage;
      });
      grpc::ClientContext answer_context;
      rpc::WithDeadline(answer_context, std::chrono::seconds(30));
      v1::Job answered;
      if (printed) {
        v1::ConfirmPrintedRequest request;
        request.set_name(item.name());
        lab->ConfirmPrinted(&answer_context, request, &answered);
      } else {
        v1::ReleaseJobRequest request;
        request.set_name(item.name());
        lab->ReleaseJob(&answer_context, request, &answered);
      }
    }
  }
}

v1::OrderState StateOf(const Line& line, const std::string& session, const std::string& order) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  rpc::WithDeadline(context, std::chrono::seconds(30));
  v1::GetOrderRequest request;
  request.set_name(order);
  v1::Order response;
  const grpc::Status status = line.Storefront(session)->GetOrder(&context, request, &response);
  return status.ok() ? response.state() : v1::ORDER_STATE_UNSPECIFIED;
}

}  // namespace proofline::test
