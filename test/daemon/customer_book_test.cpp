#include "daemon/customer_book.h"

#include <set>

#include "lib/base/typed_code.h"
#include "test/daemon/control_fixture.h"

namespace proofline::studio::test {
namespace {

namespace pb = proofline::v1;
using Stub = pb::StudioControlService::Stub;

constexpr char kGallery[] = "studios/demo/galleries/g";

pb::ShareWithCustomerRequest ShareOf(const std::string& gallery, const std::string& request_id) {
  pb::ShareWithCustomerRequest request;
  request.mutable_customer()->set_display_name("Ada");
  request.mutable_customer()->mutable_share()->add_galleries(gallery);
  request.set_request_id(request_id);
  return request;
}

std::string IdOf(const pb::Customer& customer) {
  return customer.name().substr(customer.name().rfind('/') + 1);
}

struct Desk : Studio {
  CustomerBook book{catalog()};
  record::Customer At(const pb::Customer& customer) {
    return catalog().GetCustomer(IdOf(customer)).value();
  }
  void Refuse(const std::string& reason) {
    const std::int64_t last = catalog().last_sequence();
    REQUIRE(catalog().Acknowledge(last, {{last, {reason, "the host says no"}}}).ok());
  }
};

TEST_CASE("a share has its identifier at once, is durable, and waits for the host") {
  Studio studio;
  pb::Customer made;
  {
    const absl::StatusOr<pb::Customer> shared =
        CustomerBook(studio.catalog()).Share(ShareOf(kGallery, ""));
    REQUIRE(shared.ok());
    made = *shared;
  }
  CHECK(made.identifier().size() == 19);
  CHECK(made.name().starts_with("studios/demo/customers/"));
  studio.Open();
  const record::Customer record = studio.catalog().GetCustomer(IdOf(made)).value();
  CHECK(record.customer().identifier() == made.identifier());
  CHECK(record.state() == pb::LOCAL_CUSTOMER_STATE_WAITING);
  const std::vector<PendingPublish> pending = studio.Pending();
  REQUIRE(pending.size() == 1);
  REQUIRE(pending[0].customer.has_value());
  CHECK(pending[0].customer->identifier() == made.identifier());
  CHECK(pending[0].customer->share().galleries(0) == kGallery);
  studio.AcknowledgeAll();
  CHECK(studio.catalog().GetCustomer(IdOf(made))->state() == pb::LOCAL_CUSTOMER_STATE_AT_HOST);
  CHECK(studio.Pending().empty());
}

TEST_CASE("the same request makes one customer, another with its name none") {
  Desk desk;
  const auto first = desk.book.Share(ShareOf(kGallery, "r1"));
  const auto again = desk.book.Share(ShareOf(kGallery, "r1"));
  REQUIRE(again.ok());
  CHECK(again->identifier() == first->identifier());
  CHECK(desk.catalog().ListCustomers("", 10)->size() == 1);
  const absl::Status other = desk.book.Share(ShareOf("studios/demo/galleries/h", "r1")).status();
  CHECK(absl::IsAlreadyExists(other));
  CHECK(rpc::ReasonOf(other) == "REQUEST_ID_REUSED");
  CHECK(desk.book.Share(ShareOf(kGallery, ""))->identifier() != first->identifier());
}

TEST_CASE("shares of nothing, of others, and with bad identifiers are refused by reason") {
  Desk desk;
  const auto reason = [&](const pb::ShareWithCustomerRequest& request) {
    return rpc::ReasonOf(desk.book.Share(request).status());
  };
  pb::ShareWithCustomerRequest request;
  CHECK(reason(request) == "SHARE_INVALID");
  CHECK(reason(ShareOf("studios/other/galleries/g", "")) == "SHARE_INVALID");
  request.mutable_customer()->mutable_share()->add_photos("g/p");
  CHECK(reason(request) == "SHARE_INVALID");
  request.mutable_customer()->mutable_share()->set_photos(0, "studios/demo/galleries/g/photos/p");
  auto& match = *request.mutable_customer()->mutable_share()->add_matches();
  match.set_field("subject");
  CHECK(reason(request) == "SHARE_INVALID");
  match.set_value("7");
  CHECK(reason(request).empty());
  match.set_gallery("studios/other/galleries/g");
  CHECK(reason(request) == "SHARE_INVALID");
  match.clear_gallery();
  request.mutable_customer()->set_identifier("short");
  CHECK(reason(request) == "IDENTIFIER_INVALID");
  request.mutable_customer()->set_identifier("ADAS PICTURES");
  CHECK(reason(request).empty());
  request.mutable_customer()->set_identifier("adas-pictures");
  CHECK(reason(request) == "IDENTIFIER_IN_USE");
  request.mutable_customer()->clear_identifier();
  request.mutable_customer()->set_display_name(std::string(1'001, 'x'));
  CHECK(reason(request) == "NAME_INVALID");
  request.mutable_customer()->clear_display_name();
  request.mutable_customer()->mutable_expire_time()->set_seconds(-1);
  CHECK(reason(request) == "TIME_INVALID");
  CHECK(desk.catalog().ListCustomers("", 10)->size() == 2);
}

TEST_CASE("an identifier that the host has in use is replaced by another, and the list says so") {
  Desk desk;
  const pb::Customer made = desk.book.Share(ShareOf(kGallery, "")).value();
  desk.Refuse("IDENTIFIER_IN_USE");
  const record::Customer record = desk.At(made);
  CHECK(record.state() == pb::LOCAL_CUSTOMER_STATE_WAITING);
  CHECK(record.customer().identifier() != made.identifier());
  REQUIRE(record.replaced_identifiers_size() == 1);
  CHECK(record.replaced_identifiers(0) == made.identifier());
  CHECK(record.state_message().find(made.identifier()) != std::string::npos);
  REQUIRE(desk.Pending().size() == 1);
  CHECK(desk.Pending()[0].customer->identifier() == record.customer().identifier());
  desk.AcknowledgeAll();
  CHECK(desk.At(made).state() == pb::LOCAL_CUSTOMER_STATE_AT_HOST);
  CHECK(desk.At(made).state_message() == record.state_message());
}

TEST_CASE("a refused customer says why and is sent again once it is changed") {
  Desk desk;
  const pb::Customer made = desk.book.Share(ShareOf(kGallery, "")).value();
  desk.Refuse("SHARE_INVALID");
  CHECK(desk.At(made).state() == pb::LOCAL_CUSTOMER_STATE_REFUSED);
  CHECK(desk.At(made).state_message() == "the host says no");
  CHECK(desk.Pending().empty());
  pb::UpdateLocalCustomerRequest request;
  request.mutable_customer()->set_name(made.name());
  request.mutable_customer()->set_display_name("Ada S");
  request.mutable_update_mask()->add_paths("display_name");
  REQUIRE(desk.book.Update(request).ok());
  CHECK(desk.Pending().size() == 1);
  desk.AcknowledgeAll();
  CHECK(desk.At(made).state() == pb::LOCAL_CUSTOMER_STATE_AT_HOST);
}

TEST_CASE("a customer is renamed, expired and revoked, and a revoked one stays so") {
  Desk desk;
  const pb::Customer made = desk.book.Share(ShareOf(kGallery, "")).value();
  desk.AcknowledgeAll();
  pb::UpdateLocalCustomerRequest request;
  request.mutable_customer()->set_name(made.name());
  request.mutable_customer()->set_revoked(true);
  request.mutable_customer()->mutable_expire_time()->set_seconds(4'000'000'000);
  request.mutable_update_mask()->add_paths("expire_time");
  request.mutable_update_mask()->add_paths("revoked");
  REQUIRE(desk.book.Update(request).ok());
  REQUIRE(desk.Pending().size() == 1);
  CHECK(desk.Pending()[0].customer->revoked());
  CHECK(desk.Pending()[0].customer->expire_time().seconds() == 4'000'000'000);
  CHECK(desk.Pending()[0].customer->identifier() == made.identifier());
  desk.AcknowledgeAll();
  REQUIRE(desk.book.Update(request).ok());  // nothing new
  CHECK(desk.Pending().empty());
  request.mutable_customer()->set_revoked(false);
  CHECK(rpc::ReasonOf(desk.book.Update(request).status()) == "REVOKED");
  request.mutable_update_mask()->set_paths(1, "identifier");
  CHECK(rpc::ReasonOf(desk.book.Update(request).status()) == "FIELD_INVALID");
  request.mutable_update_mask()->clear_paths();
  CHECK(rpc::ReasonOf(desk.book.Update(request).status()) == "FIELD_INVALID");
  request.mutable_customer()->set_name("studios/demo/customers/nobody");
  request.mutable_update_mask()->add_paths("revoked");
  CHECK(rpc::ReasonOf(desk.book.Update(request).status()) == "CUSTOMER_NOT_FOUND");
}

TEST_CASE("a host that lost its customers gets them again, as they are") {
  Desk desk;
  const pb::Customer made = desk.book.Share(ShareOf(kGallery, "")).value();
  desk.AcknowledgeAll();
  REQUIRE(desk.catalog().HostOpened(0).ok());
  REQUIRE(desk.Pending().size() == 1);
  CHECK(desk.Pending()[0].customer->identifier() == made.identifier());
  // A host that is ahead: what waits goes on after it.
  REQUIRE(desk.catalog().HostOpened(500).ok());
  REQUIRE(desk.Pending().size() == 1);
  CHECK(desk.Pending()[0].sequence > 500);
}

// ---- Subjects, over the control socket

struct School : Control {
  School() {
    for (const char* name : {"3b/1.jpg", "3b/2.jpg", "3b/3.jpg", "3c/4.jpg"}) {
      studio.Add(name, name);
    }
    studio.RenderAll();
    pb::ImportRosterRequest roster;
    roster.set_csv("file,subject,fields.name\n1,17,Ada\n2,17,\n3,18,Ben\n4,17,Someone else\n");
    roster.set_match_by("file_name");
    pb::ImportRosterResponse imported;
    REQUIRE(Call(&Stub::ImportRoster, roster, imported).ok());
    studio.AcknowledgeAll();
    const std::string name = Photo("3b/1.jpg").photo().name();
    gallery = name.substr(0, name.find("/photos/"));
  }
  pb::ShareBySubjectResponse Share(const pb::ShareBySubjectRequest& request) {
    pb::ShareBySubjectResponse response;
    const absl::Status status = Call(&Stub::ShareBySubject, request, response);
    INFO(std::string(status.message()));
    REQUIRE(status.ok());
    return response;
  }
  pb::ListLocalCustomersResponse Customers() {
    pb::ListLocalCustomersResponse response;
    REQUIRE(Call(&Stub::ListLocalCustomers, pb::ListLocalCustomersRequest(), response).ok());
    return response;
  }
  std::string gallery;
};

TEST_CASE("each subject of a gallery gets one customer, and later subjects get theirs") {
  School school;
  pb::ShareBySubjectRequest request;
  request.add_galleries(school.gallery);
  request.set_display_field("fields.name");
  const pb::ShareBySubjectResponse first = school.Share(request);
  REQUIRE(first.customers_size() == 2);
  CHECK(first.created() == 2);
  const pb::ListLocalCustomersResponse list = school.Customers();
  REQUIRE(list.customers_size() == 2);
  REQUIRE(list.statuses_size() == 2);
  // Customers made in one instant are in no order.
  const int first_ada = list.customers(0).display_name() == "Ada" ? 0 : 1;
  const pb::Customer& ada = list.customers(first_ada);
  CHECK(ada.display_name() == "Ada");
  REQUIRE(ada.share().matches_size() == 1);
  CHECK(ada.share().matches(0).field() == "subject");
  CHECK(ada.share().matches(0).value() == "17");
  CHECK(ada.share().matches(0).gallery() == school.gallery);
  CHECK(list.customers(1 - first_ada).display_name() == "Ben");
  CHECK(list.statuses(0).state() == pb::LOCAL_CUSTOMER_STATE_WAITING);
  school.studio.AcknowledgeAll();
  CHECK(school.Customers().statuses(0).state() == pb::LOCAL_CUSTOMER_STATE_AT_HOST);

  // A roster knows one more, who has no photo yet; those there are keep their identifiers.
  request.clear_display_field();
  request.set_roster("Number;Name\r\n18;Ben Bold\r\n17;\r\n19;Cy\r\n19;Cy\r\n");
  const pb::ShareBySubjectResponse more = school.Share(request);
  CHECK(more.created() == 1);
  REQUIRE(more.customers_size() == 3);
  CHECK(more.customers(0) == first.customers(1));
  CHECK(more.customers(1) == first.customers(0));
  const pb::ListLocalCustomersResponse now = school.Customers();
  CHECK(now.customers(first_ada).identifier() == ada.identifier());
  CHECK(now.customers(first_ada).display_name() == "Ada");
  CHECK(now.customers(1 - first_ada).display_name() == "Ben Bold");
  // Only what has changed goes to the host.
  CHECK(school.studio.Pending().size() == 2);

  // Elsewhere the same subject is somebody else.
  request.clear_roster();
  request.clear_galleries();
  CHECK(school.Share(request).created() == 2);
}

TEST_CASE("a revoked customer's subject is shared anew") {
  School school;
  pb::ShareBySubjectRequest request;
  request.add_galleries(school.gallery);
  pb::SubjectName& subject = *request.add_subjects();
  subject.set_subject("17");
  const std::string first = school.Share(request).customers(0);
  pb::UpdateLocalCustomerRequest revoke;
  revoke.mutable_customer()->set_name(first);
  revoke.mutable_customer()->set_revoked(true);
  revoke.mutable_update_mask()->add_paths("revoked");
  pb::Customer revoked;
  REQUIRE(school.Call(&Stub::UpdateLocalCustomer, revoke, revoked).ok());
  const pb::ShareBySubjectResponse second = school.Share(request);
  CHECK(second.created() == 1);
  CHECK(second.customers(0) != first);
  CHECK(school.Share(request).customers(0) == second.customers(0));
}

TEST_CASE("sharing subjects that there are not is an error that says what to do") {
  Control empty;
  empty.studio.Add("a/1.jpg", "x");
  pb::ShareBySubjectResponse response;
  pb::ShareBySubjectRequest request;
  CHECK(rpc::ReasonOf(empty.Call(&Stub::ShareBySubject, request, response)) == "SUBJECT_NOT_FOUND");
  request.set_roster("Name\nAda\n");
  CHECK(rpc::ReasonOf(empty.Call(&Stub::ShareBySubject, request, response)) == "ROSTER_INVALID");
  request.set_roster("Key\n\"open\n");
  CHECK(rpc::DetailOf(empty.Call(&Stub::ShareBySubject, request, response), "line") == "2");
  request.clear_roster();
  request.set_display_field("rating");
  CHECK(rpc::ReasonOf(empty.Call(&Stub::ShareBySubject, request, response)) == "FIELD_INVALID");
  request.clear_display_field();
  request.add_galleries("studios/demo/galleries/none");
  CHECK(rpc::ReasonOf(empty.Call(&Stub::ShareBySubject, request, response)) == "GALLERY_NOT_FOUND");
  request.set_galleries(0, "studios/other/galleries/g");
  request.add_subjects()->set_subject("7");
  CHECK(rpc::ReasonOf(empty.Call(&Stub::ShareBySubject, request, response)) == "SHARE_INVALID");
}

TEST_CASE("customers are listed page by page, each with how far it is") {
  Control control;
  std::set<std::string> made;
  for (int i = 0; i < 5; ++i) {
    pb::Customer customer;
    REQUIRE(control.Call(&Stub::ShareWithCustomer, ShareOf(kGallery, ""), customer).ok());
    made.insert(customer.name());
  }
  pb::ListLocalCustomersRequest request;
  request.set_page_size(2);
  pb::ListLocalCustomersResponse page;
  std::set<std::string> listed;
  do {
    REQUIRE(control.Call(&Stub::ListLocalCustomers, request, page).ok());
    CHECK(page.statuses_size() == page.customers_size());
    for (const pb::Customer& customer : page.customers()) listed.insert(customer.name());
    request.set_page_token(page.next_page_token());
  } while (!page.next_page_token().empty());
  CHECK(listed == made);
}

}  // namespace
}  // namespace proofline::studio::test
