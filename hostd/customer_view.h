// What one customer may see of its studio, and nothing else.
#pragma once

#include <google/protobuf/repeated_field.h>
#include <map>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "hostd/access.h"
#include "hostd/store.h"
#include "proofline/v1/customer.pb.h"
#include "proofline/v1/gallery.pb.h"
#include "proofline/v1/photo.pb.h"

namespace proofline::host {

// For one call: the customer's share is taken as it is when the call begins. "Nothing" is the same
// for what is not there and for what is not shared. Blocks on the disk.
class CustomerView {
 public:
  // Both must outlive it.
  CustomerView(const Store& store, const CustomerCaller& caller) : store_(store), caller_(caller) {}

  absl::StatusOr<std::optional<proofline::v1::Photo>> FindPhoto(std::string_view name) const;
  // Ids of the galleries with at least one visible photo, in order.
  absl::StatusOr<std::vector<std::string>> Galleries() const;
  // By id; with the visible photos counted.
  absl::StatusOr<std::optional<proofline::v1::Gallery>> FindGallery(std::string_view id) const;
  // The visible photos of a gallery that have all of these values, by capture time, then id.
  absl::StatusOr<Page<proofline::v1::Photo>> ListPhotos(
      std::string_view gallery,
      const google::protobuf::RepeatedPtrField<proofline::v1::MetadataMatch>& filter,
      std::string_view after, int limit) const;

 private:
  // Ids of the photos that the share names one by one, by the gallery they are in now.
  using Named = std::map<std::string, std::set<std::string>>;

  bool SharesWhole(std::string_view gallery) const;
  // Reads them all the first time.
  absl::StatusOr<const Named*> NamedPhotos() const;
  // Ids of the photos that single names and matches open in a gallery.
  absl::StatusOr<std::set<std::string>> SinglePhotos(std::string_view gallery) const;

  const Store& store_;
  const CustomerCaller& caller_;
  mutable std::optional<Named> named_;
};

}  // namespace proofline::host
