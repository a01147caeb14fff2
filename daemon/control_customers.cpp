// The control service's calls about customers.
#include <map>
#include <set>
#include <utility>

#include "daemon/control_service.h"
#include "daemon/roster.h"
#include "daemon/roster_columns.h"
#include "lib/base/text.h"
#include "lib/rpc/call.h"
#include "lib/rpc/page_token.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

// The text that a metadata field holds; empty for those that hold none.
std::string TextOf(const pb::Metadata& metadata, const std::string& field) {
  constexpr std::string_view kFreeField = "fields.";
  if (field.starts_with(kFreeField)) {
    const auto found = metadata.fields().find(field.substr(kFreeField.size()));
    return found == metadata.fields().end() ? "" : found->second;
  }
  const auto* descriptor = pb::Metadata::descriptor()->FindFieldByName(field);
  using google::protobuf::FieldDescriptor;
  if (descriptor == nullptr || descriptor->is_repeated() ||
      descriptor->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
    return "";
  }
  return metadata.GetReflection()->GetString(metadata, descriptor);
}

}  // namespace

grpc::ServerUnaryReactor* ControlService::ShareWithCustomer(
    grpc::CallbackServerContext* context, const pb::ShareWithCustomerRequest* request,
    pb::Customer* response) {
  return rpc::AnswerOn(executor_, context, response,
                       [this, request] { return customers_.Share(*request); });
}

absl::StatusOr<std::vector<pb::SubjectName>> ControlService::SubjectsOfPhotos(
    const pb::ShareBySubjectRequest& request) const {
  std::string field = request.display_field();
  if (!field.empty()) {
    field = RosterField(field);
    const bool is_text =
        !field.empty() && field.find("keyword") == std::string::npos && field != "rating";
    if (!is_text) {
      return rpc::Error(absl::StatusCode::kInvalidArgument,
                        base::Concat("\"", Readable(request.display_field(), 100),
                                     "\" is no field that customers can be called by; name e.g. "
                                     "title or fields.KEY"),
                        "FIELD_INVALID", {{"field", Readable(request.display_field(), 100)}});
    }
  }
  absl::StatusOr<std::vector<std::string>> galleries = FindGalleries(request.galleries());
  if (!galleries.ok()) return galleries.status();
  if (galleries->empty()) galleries->emplace_back();
  std::map<std::string, std::string> names;
  for (const std::string& gallery : *galleries) {
    const absl::Status status =
        parts_.catalog.VisitPhotos(gallery, [&](const record::Photo& photo) {
          const pb::Metadata metadata = MergedMetadata(photo);
          if (metadata.subject().empty()) return true;
          std::string& name = names[metadata.subject()];
          if (name.empty() && !field.empty()) name = TextOf(metadata, field);
          return true;
        });
    if (!status.ok()) return status;
  }
  std::vector<pb::SubjectName> subjects;
  for (auto& [subject, name] : names) {
    pb::SubjectName& one = subjects.emplace_back();
    one.set_subject(subject);
    one.set_display_name(Readable(name, 1'000));
  }
  return subjects;
}

absl::StatusOr<pb::ShareBySubjectResponse> ControlService::ShareSubjects(
    const pb::ShareBySubjectRequest& request) {
  std::vector<pb::SubjectName> subjects;
  std::set<std::string> seen;
  for (const pb::SubjectName& subject : request.subjects()) {
    if (subject.subject().empty() || subject.subject().size() > 1'000) {
      return rpc::Error(absl::StatusCode::kInvalidArgument, "a subject has 1 to 1,000 bytes",
                        "SHARE_INVALID");
    }
    if (seen.insert(subject.subject()).second) subjects.push_back(subject);
  }
  if (subjects.empty()) {
    absl::StatusOr<std::vector<pb::SubjectName>> found =
        request.roster().empty()
            ? SubjectsOfPhotos(request)
            : SubjectsOfRoster(request.roster(), request.subject_column(), request.name_column());
    if (!found.ok()) return found.status();
    subjects = *std::move(found);
  }
  if (subjects.empty()) {
    return rpc::Error(absl::StatusCode::kNotFound,
                      request.roster().empty()
                          ? "no photo has a subject; set subjects or import a roster first"
                          : "the roster names no subject",
                      "SUBJECT_NOT_FOUND");
  }
  return customers_.ShareSubjects(
      subjects, {request.galleries().begin(), request.galleries().end()}, request);
}

grpc::ServerUnaryReactor* ControlService::ShareBySubject(grpc::CallbackServerContext* context,
                                                         const pb::ShareBySubjectRequest* request,
                                                         pb::ShareBySubjectResponse* response) {
  return rpc::AnswerOn(executor_, context, response,
                       [this, request] { return ShareSubjects(*request); });
}

absl::StatusOr<pb::ListLocalCustomersResponse> ControlService::ListCustomers(
    const pb::ListLocalCustomersRequest& request) const {
  const absl::StatusOr<int> size = rpc::PageSize(request.page_size(), 100, 1000);
  if (!size.ok()) return size.status();
  const absl::StatusOr<std::string> after = rpc::ReadPageToken(request);
  if (!after.ok()) return after.status();
  const absl::StatusOr<std::vector<record::Customer>> customers =
      parts_.catalog.ListCustomers(*after, *size);
  if (!customers.ok()) return customers.status();
  pb::ListLocalCustomersResponse response;
  for (const record::Customer& customer : *customers) {
    *response.add_customers() = customer.customer();
    pb::LocalCustomerStatus& status = *response.add_statuses();
    status.set_state(customer.state());
    status.set_state_message(customer.state_message());
    *status.mutable_replaced_identifiers() = customer.replaced_identifiers();
  }
  if (static_cast<int>(customers->size()) == *size) {
    const std::string& last = customers->back().customer().name();
    response.set_next_page_token(rpc::MakePageToken(request, last.substr(last.rfind('/') + 1)));
  }
  return response;
}

grpc::ServerUnaryReactor* ControlService::ListLocalCustomers(
    grpc::CallbackServerContext* context, const pb::ListLocalCustomersRequest* request,
    pb::ListLocalCustomersResponse* response) {
  return rpc::AnswerOn(executor_, context, response,
                       [this, request] { return ListCustomers(*request); });
}

grpc::ServerUnaryReactor* ControlService::UpdateLocalCustomer(
    grpc::CallbackServerContext* context, const pb::UpdateLocalCustomerRequest* request,
    pb::Customer* response) {
  return rpc::AnswerOn(executor_, context, response,
                       [this, request] { return customers_.Update(*request); });
}

}  // namespace proofline::studio
