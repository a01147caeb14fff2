// Between the files of the customer group.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/program.h"
#include "cli/session_file.h"
#include "cli/target.h"
#include "proofline/v1/storefront_service.grpc.pb.h"

namespace proofline::cli {

using StoreClient = Client<v1::StorefrontService>;

// The group's own flag; shared by its verbs.
struct CustomerTarget {
  std::string session_file;
};

// The host of a session; with the session's token if it has one.
absl::StatusOr<Connection> DialHostOf(const Program& program, const Session& session);

// Somebody who is signed in.
struct SignedIn {
  Session session;
  Connection connection;
  std::string studio;  // identifier
};
absl::StatusOr<SignedIn> OpenSession(const Program& program, const CustomerTarget& target);

// Every gallery that the customer sees; every photo of one; every product.
absl::StatusOr<std::vector<v1::Gallery>> AllGalleries(const StoreClient& client);
absl::StatusOr<std::vector<v1::Photo>> AllPhotos(const StoreClient& client,
                                                 const std::string& gallery);
absl::StatusOr<std::vector<v1::Product>> AllProducts(const StoreClient& client);

// What customers call photos and products; lists are asked for at most once.
class StoreNames {
 public:
  StoreNames(const StoreClient& client, std::string studio)
      : client_(client), studio_(std::move(studio)) {}

  // A full name, identifier or exact title; an identifier goes before a title.
  absl::StatusOr<std::string> Gallery(const std::string& text);
  // Whether a gallery has exactly this title.
  absl::StatusOr<bool> IsTitle(const std::string& text);
  // A full name, "GALLERY/PHOTO", or an identifier alone.
  absl::StatusOr<std::string> Photo(const std::string& text);
  // A full name, "LAB/PRODUCT", or an identifier that only one lab has.
  absl::StatusOr<std::string> Product(const std::string& text);

 private:
  absl::Status LoadGalleries();
  absl::Status LoadPhotos();

  const StoreClient& client_;
  const std::string studio_;
  std::optional<std::vector<v1::Gallery>> galleries_;
  std::optional<std::vector<std::string>> photos_;
  std::optional<std::vector<std::string>> products_;
};

// `fetch`.
void AddFetchVerb(CLI::App& group, Program& program, const std::shared_ptr<CustomerTarget>& target);
// `order`, `orders`, `show`, `watch`, `cancel`.
void AddCustomerOrderVerbs(CLI::App& group, Program& program,
                           const std::shared_ptr<CustomerTarget>& target);

}  // namespace proofline::cli
