// The steps that the line tests have in common: bringing photographs, looking at them as a
// customer, ordering, judging pages.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "test/line/line.h"
#include "test/line/reference.h"

namespace proofline::test {

// Copies files into a folder below the watched one, as a person would.
void Bring(const Line& line, const std::string& folder,
           const std::vector<std::filesystem::path>& files);

// The names of all galleries that the studio daemon has photos for.
std::vector<std::string> LocalGalleries(const Line& line);

// Every photo the customer sees, read page by page.
std::vector<v1::Photo> AllVisible(const Line& line, const std::string& session, int page_size = 7);

// The same by file name.
std::map<std::string, v1::Photo> VisiblePhotos(const Line& line, const std::string& session,
                                               int page_size = 7);

// A rendition as the customer gets it; its digest is that of the record.
std::string Fetch(const Line& line, const std::string& session, const v1::Photo& photo,
                  v1::RenditionKind kind);

// Photos of the studio daemon in a state, by file name.
std::map<std::string, v1::LocalPhoto> LocalPhotos(const Line& line, v1::LocalPhotoState state);

// One line of an order and the page that it must give.
struct Wish {
  v1::Photo photo;
  std::filesystem::path original;
  std::string product;
  Size page;       // pixels of the product, as the paper is fed
  Rectangle part;  // print crop; the whole picture when it is everything
  int border = 0;  // pixels
  int quantity = 1;
};

// The largest part of the picture, at `shift` (0 to 1) of what is left over, that has the shape of
// the page.
Rectangle PartOfShape(const v1::Photo& photo, Size page, int border, double shift);

v1::Order PlaceOrder(const Line& line, const std::string& session, const std::string& request_id,
                     const std::vector<Wish>& wishes);

// Why the printed pages are not exactly the wished ones; empty when they are. Compares pictures.
std::string JudgePages(const std::vector<std::filesystem::path>& pages,
                       const std::vector<Wish>& wishes);

// Where the lab cannot know whether a page was printed it asks its operator, who looks at the
// printer's output: `wishes` are the lines of the one order, in their order.
void ActAsOperator(const Line& line, const std::vector<Wish>& wishes);

// The order's state; unspecified when the host cannot be asked.
v1::OrderState StateOf(const Line& line, const std::string& session, const std::string& order);

}  // namespace proofline::test
