#include "daemon/customer_book.h"

#include <algorithm>
#include <utility>

#include "daemon/catalog_transaction.h"
#include "lib/base/id.h"
#include "lib/base/text.h"
#include "lib/base/typed_code.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

using Key = CustomerChanges::Key;

constexpr std::size_t kMaxName = 1'000;
constexpr std::size_t kMaxRequestId = 100;
constexpr std::size_t kMaxSubjects = 100'000;
// What the host takes in one entry must fit into one message of its stream.
constexpr int kMaxShareBytes = 1 << 20;
// 9999-12-31, the last that a Timestamp may hold.
constexpr std::int64_t kLastSecond = 253'402'300'799;

absl::Status Invalid(std::string_view sentence, std::string_view reason) {
  return rpc::Error(absl::StatusCode::kInvalidArgument, sentence, reason);
}

absl::Status InUse() {
  return rpc::Error(absl::StatusCode::kAlreadyExists,
                    "another customer of this device has this identifier; choose another one, or "
                    "leave it empty for a random one",
                    "IDENTIFIER_IN_USE");
}

bool IsMatchField(const std::string& field) {
  constexpr std::string_view kFreeField = "fields.";
  return field == "subject" || field == "event" || field == "keywords" ||
         field == "customer_reference" ||
         (field.starts_with(kFreeField) && field.size() > kFreeField.size());
}

// An identifier that no customer here has.
absl::StatusOr<std::string> FreshIdentifier(CustomerChanges& changes) {
  while (true) {
    std::string identifier = base::NewTypedCode();
    const auto taken =
        changes.Find(Key::kIdentifier, base::NormaliseTypedCode(identifier).value_or(""));
    if (!taken.ok()) return taken.status();
    if (!taken->has_value()) return identifier;
  }
}

}  // namespace

std::string CustomerBook::NewName() const {
  return rpc::MakeResourceName("studios/*/customers/*", {catalog_.device().studio, base::NewId()});
}

absl::Status CustomerBook::CheckShare(const pb::Share& share) const {
  const std::string& studio = catalog_.device().studio;
  const auto is_ours = [&](std::string_view pattern, const std::string& name) {
    const auto ids = rpc::ParseResourceName(pattern, name);
    return ids.has_value() && ids->at(0) == studio;
  };
  for (const std::string& name : share.galleries()) {
    if (is_ours("studios/*/galleries/*", name)) continue;
    return Invalid(base::Concat("\"", Readable(name, 200), "\" is not the name of a gallery of ",
                                "this studio (studios/", studio, "/galleries/GALLERY)"),
                   "SHARE_INVALID");
  }
  for (const std::string& name : share.photos()) {
    if (is_ours("studios/*/galleries/*/photos/*", name)) continue;
    return Invalid(base::Concat("\"", Readable(name, 200), "\" is not the name of a photo of this ",
                                "studio (studios/", studio, "/galleries/GALLERY/photos/PHOTO)"),
                   "SHARE_INVALID");
  }
  for (const pb::MetadataMatch& match : share.matches()) {
    const bool good_gallery =
        match.gallery().empty() || is_ours("studios/*/galleries/*", match.gallery());
    if (IsMatchField(match.field()) && !match.value().empty() && good_gallery) continue;
    return Invalid(
        "a match names subject, event, keywords, customer_reference or fields.KEY, a value, and, "
        "if "
        "it is to be in one gallery only, a gallery of this studio",
        "SHARE_INVALID");
  }
  if (share.galleries().empty() && share.photos().empty() && share.matches().empty()) {
    return Invalid("say what the customer is to see: galleries, photos, or a subject",
                   "SHARE_INVALID");
  }
  if (share.ByteSizeLong() > kMaxShareBytes) {
    return Invalid("the share names too many photos for one customer; share their gallery",
                   "SHARE_INVALID");
  }
  return absl::OkStatus();
}

absl::Status CustomerBook::CheckExpiry(const google::protobuf::Timestamp& time) const {
  if (time.seconds() < 0 || time.seconds() > kLastSecond || time.nanos() < 0 ||
      time.nanos() > 999'999'999) {
    return Invalid("the time when the identifier stops is not a time before the year 10000",
                   "TIME_INVALID");
  }
  return absl::OkStatus();
}

absl::Status CustomerBook::CheckCustomer(const pb::Customer& customer) const {
  if (customer.display_name().size() > kMaxName) {
    return Invalid("what the customer is called has more than 1,000 bytes; shorten it",
                   "NAME_INVALID");
  }
  if (customer.has_expire_time()) {
    if (absl::Status time = CheckExpiry(customer.expire_time()); !time.ok()) return time;
  }
  return CheckShare(customer.share());
}

absl::StatusOr<pb::Customer> CustomerBook::Share(const pb::ShareWithCustomerRequest& request) {
  const pb::Customer& wanted = request.customer();
  if (absl::Status good = CheckCustomer(wanted); !good.ok()) return good;
  std::optional<std::string> chosen;
  if (!wanted.identifier().empty()) {
    chosen = base::NormaliseTypedCode(wanted.identifier());
    if (!chosen.has_value() || wanted.identifier().size() > 200) {
      return Invalid(
          "an identifier has 8 to 64 letters and digits; leave it empty for a random "
          "one",
          "IDENTIFIER_INVALID");
    }
  }
  if (request.request_id().size() > kMaxRequestId) {
    return Invalid("a request_id has at most 100 bytes", "REQUEST_ID_INVALID");
  }
  const std::string digest(base::Sha256Of(ExactBytes(wanted)).bytes());
  pb::Customer made;
  const absl::Status status = catalog_.ChangeCustomers([&](CustomerChanges& changes) {
    if (!request.request_id().empty()) {
      auto known = changes.Find(Key::kRequest, request.request_id());
      if (!known.ok()) return known.status();
      if (known->has_value()) {
        if ((*known)->request_digest() != digest) {
          return rpc::Error(absl::StatusCode::kAlreadyExists,
                            "this request_id has made another customer; use a new one",
                            "REQUEST_ID_REUSED", {{"request_id", request.request_id()}});
        }
        made = (*known)->customer();
        return absl::OkStatus();
      }
    }
    record::Customer record;
    pb::Customer& customer = *record.mutable_customer();
    customer.set_name(NewName());
    customer.set_display_name(wanted.display_name());
    *customer.mutable_share() = wanted.share();
    if (wanted.has_expire_time()) *customer.mutable_expire_time() = wanted.expire_time();
    *customer.mutable_create_time() = changes.Now();
    if (chosen.has_value()) {
      const auto taken = changes.Find(Key::kIdentifier, *chosen);
      if (!taken.ok()) return taken.status();
      if (taken->has_value()) return InUse();
      customer.set_identifier(wanted.identifier());
    } else {
      absl::StatusOr<std::string> identifier = FreshIdentifier(changes);
      if (!identifier.ok()) return identifier.status();
      customer.set_identifier(*std::move(identifier));
    }
    record.set_request_id(request.request_id());
    if (!request.request_id().empty()) record.set_request_digest(digest);
    made = customer;
    return changes.Store(std::move(record));
  });
  if (!status.ok()) return status;
  return made;
}

absl::StatusOr<pb::ShareBySubjectResponse> CustomerBook::ShareSubjects(
    const std::vector<pb::SubjectName>& subjects, std::vector<std::string> galleries,
    const pb::ShareBySubjectRequest& request) {
  if (subjects.size() > kMaxSubjects) {
    return Invalid("these are more than 100,000 subjects; share them gallery by gallery",
                   "SHARE_INVALID");
  }
  std::sort(galleries.begin(), galleries.end());
  galleries.erase(std::unique(galleries.begin(), galleries.end()), galleries.end());
  std::vector<record::Customer> wanted;
  for (const pb::SubjectName& subject : subjects) {
    record::Customer record;
    pb::Customer& customer = *record.mutable_customer();
    customer.set_display_name(subject.display_name().empty() ? subject.subject()
                                                             : subject.display_name());
    const auto add = [&](const std::string& gallery) {
      pb::MetadataMatch& match = *customer.mutable_share()->add_matches();
      match.set_field("subject");
      match.set_value(subject.subject());
      match.set_gallery(gallery);
    };
    if (galleries.empty()) add("");
    for (const std::string& gallery : galleries) add(gallery);
    if (request.has_expire_time()) *customer.mutable_expire_time() = request.expire_time();
    if (absl::Status good = CheckCustomer(customer); !good.ok()) return good;
    record.set_subject_key(SubjectKeyOf(customer.share()));
    wanted.push_back(std::move(record));
  }
  pb::ShareBySubjectResponse response;
  const absl::Status status = catalog_.ChangeCustomers([&](CustomerChanges& changes) {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      record::Customer& record = wanted[i];
      auto known = changes.Find(Key::kSubject, record.subject_key());
      if (!known.ok()) return known.status();
      if (known->has_value() && !(*known)->customer().revoked()) {
        pb::Customer& customer = *(*known)->mutable_customer();
        response.add_customers(customer.name());
        const std::string& name = subjects[i].display_name();
        if (name.empty() || name == customer.display_name()) continue;
        customer.set_display_name(name);
        if (absl::Status stored = changes.Store(**std::move(known)); !stored.ok()) return stored;
        continue;
      }
      if (known->has_value()) {
        // The revoked one gives the key up.
        (*known)->clear_subject_key();
        if (absl::Status stored = changes.Store(**std::move(known)); !stored.ok()) return stored;
      }
      pb::Customer& customer = *record.mutable_customer();
      absl::StatusOr<std::string> identifier = FreshIdentifier(changes);
      if (!identifier.ok()) return identifier.status();
      customer.set_name(NewName());
      customer.set_identifier(*std::move(identifier));
      *customer.mutable_create_time() = changes.Now();
      response.add_customers(customer.name());
      response.set_created(response.created() + 1);
      if (absl::Status stored = changes.Store(std::move(record)); !stored.ok()) return stored;
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<pb::Customer> CustomerBook::Update(const pb::UpdateLocalCustomerRequest& request) {
  const pb::Customer& wanted = request.customer();
  const auto ids = rpc::ParseResourceName("studios/*/customers/*", wanted.name());
  const bool is_ours = ids.has_value() && ids->at(0) == catalog_.device().studio;
  const std::string id = is_ours ? ids->at(1) : wanted.name();
  if (request.update_mask().paths().empty()) {
    return Invalid("update_mask is empty; name the fields that are to change, e.g. \"revoked\"",
                   "FIELD_INVALID");
  }
  // Told as the list tells it when it is not there.
  if (const auto known = catalog_.GetCustomer(id); !known.ok()) return known.status();
  pb::Customer changed;
  const absl::Status status = catalog_.ChangeCustomers([&](CustomerChanges& changes) {
    auto found = changes.Get(id);
    if (!found.ok()) return found.status();
    if (!found->has_value()) return absl::NotFoundError("the customer is not there any more");
    record::Customer& record = **found;
    pb::Customer& customer = *record.mutable_customer();
    const std::string before = ExactBytes(customer);
    for (const std::string& path : request.update_mask().paths()) {
      if (path == "display_name") {
        customer.set_display_name(wanted.display_name());
      } else if (path == "share") {
        *customer.mutable_share() = wanted.share();
        record.clear_subject_key();
      } else if (path == "expire_time") {
        customer.clear_expire_time();
        if (wanted.has_expire_time()) *customer.mutable_expire_time() = wanted.expire_time();
      } else if (path == "revoked") {
        if (customer.revoked() && !wanted.revoked()) {
          return rpc::Error(absl::StatusCode::kFailedPrecondition,
                            "a revoked identifier stays revoked; make a new customer", "REVOKED");
        }
        customer.set_revoked(wanted.revoked());
      } else {
        return Invalid(base::Concat("\"", Readable(path, 100),
                                    "\" cannot be changed; what can is display_name, share, "
                                    "expire_time and revoked"),
                       "FIELD_INVALID");
      }
    }
    if (absl::Status good = CheckCustomer(customer); !good.ok()) return good;
    changed = customer;
    const bool refused = record.state() == pb::LOCAL_CUSTOMER_STATE_REFUSED;
    if (ExactBytes(customer) == before && !refused) return absl::OkStatus();
    record.clear_state_message();
    return changes.Store(std::move(record));
  });
  if (!status.ok()) return status;
  return changed;
}

}  // namespace proofline::studio
