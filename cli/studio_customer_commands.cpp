// proofline studio customers, revoke and expire: customers made on this device.
#include "cli/studio_customers.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "cli/arguments.h"
#include "cli/exit_code.h"
#include "cli/names.h"
#include "cli/share_view.h"
#include "cli/text.h"
#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/base/typed_code.h"

namespace proofline::cli {
namespace {

using Stub = v1::StudioControlService::Stub;
using base::Concat;
using Target = std::shared_ptr<StudioTarget>;

constexpr int kPageSize = 1000;

// A value as RFC 4180 has it.
std::string CsvCell(const std::string& text) {
  if (text.find_first_of("\",\r\n") == std::string::npos) return text;
  std::string quoted(1, '"');
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  quoted += '"';
  return quoted;
}

std::string StateText(const v1::Customer& customer, const v1::LocalCustomerStatus& status) {
  if (customer.revoked()) {
    return status.state() == v1::LOCAL_CUSTOMER_STATE_AT_HOST ? "revoked" : "revoked, waiting";
  }
  return Word(status.state());
}

std::string ToCsv(const std::vector<LocalCustomer>& customers) {
  std::string csv = "name,identifier,opens,state,expires,customer,message\r\n";
  for (const LocalCustomer& one : customers) {
    const std::string cells[] = {
        one.customer.display_name(),
        one.customer.identifier(),
        ShareText(one.customer.share()),
        StateText(one.customer, one.status),
        one.customer.has_expire_time() ? LocalTime(one.customer.expire_time()) : "",
        LastId(one.customer.name()),
        one.status.state_message()};
    for (const std::string& cell : cells) csv.append(CsvCell(cell)).append(",");
    csv.back() = '\r';
    csv += '\n';
  }
  return csv;
}

void PrintTable(Output& output, const std::vector<LocalCustomer>& customers) {
  Table table({"CUSTOMER", "NAME", "IDENTIFIER", "OPENS", "STATE", "EXPIRES", "MESSAGE"});
  for (const LocalCustomer& one : customers) {
    table.Add({LastId(one.customer.name()), one.customer.display_name(), one.customer.identifier(),
               ShareText(one.customer.share()), StateText(one.customer, one.status),
               one.customer.has_expire_time() ? LocalTime(one.customer.expire_time()) : "",
               one.status.state_message()});
  }
  output.Print(table);
}

absl::Status List(Program& program, const StudioTarget& target, const std::string& csv) {
  const auto client = DialStudio(program, target);
  if (!client.ok()) return client.status();
  const auto customers = AllCustomers(*client);
  if (!customers.ok()) return customers.status();
  if (customers->empty() && csv.empty()) {
    program.output.Note("no customers were made on this device yet");
    return absl::OkStatus();
  }
  return PrintCustomers(program.output, *customers, csv);
}

// The one customer that a text means: by name, identifier, or what it is called.
absl::StatusOr<v1::Customer> Pick(const std::vector<LocalCustomer>& customers,
                                  const std::string& text) {
  const std::optional<std::string> typed = base::NormaliseTypedCode(text);
  std::vector<const v1::Customer*> called;
  for (const LocalCustomer& one : customers) {
    const v1::Customer& customer = one.customer;
    const bool by_identifier =
        typed.has_value() && base::NormaliseTypedCode(customer.identifier()) == typed;
    if (customer.name() == text || LastId(customer.name()) == text || by_identifier) {
      return customer;
    }
    if (customer.display_name() == text) called.push_back(&customer);
  }
  if (called.size() == 1) return *called.front();
  if (called.empty()) {
    return absl::NotFoundError(Concat("no customer of this device is called \"", text, "\""));
  }
  return UsageError(Concat("more than one customer is called \"", text, "\"; write one of ",
                           LastId(called[0]->name()), ", ", LastId(called[1]->name())));
}

absl::Status Change(Program& program, const StudioTarget& target,
                    const std::vector<std::string>& texts,
                    const v1::UpdateLocalCustomerRequest& change, std::string_view done) {
  const auto client = DialStudio(program, target);
  if (!client.ok()) return client.status();
  const auto customers = AllCustomers(*client);
  if (!customers.ok()) return customers.status();
  std::vector<std::string> names;
  for (const std::string& text : texts) {
    const auto customer = Pick(*customers, text);
    if (!customer.ok()) return customer.status();
    names.push_back(customer->name());
  }
  for (const std::string& name : names) {
    v1::UpdateLocalCustomerRequest request = change;
    request.mutable_customer()->set_name(name);
    const auto changed = client->Call(&Stub::UpdateLocalCustomer, request);
    if (!changed.ok()) return changed.status();
    program.output.Done(*changed, Concat(LastId(name), " ", done));
  }
  return absl::OkStatus();
}

absl::Status Expire(Program& program, const StudioTarget& target,
                    const std::vector<std::string>& texts, const std::string& at, bool never) {
  if (at.empty() == !never) {
    return UsageError("say when: --at 2027-01-01, or --never");
  }
  v1::UpdateLocalCustomerRequest request;
  request.mutable_update_mask()->add_paths("expire_time");
  if (!at.empty()) {
    const auto time = ParseTime(at);
    if (!time.ok()) return time.status();
    *request.mutable_customer()->mutable_expire_time() = *time;
    NotePast(program.output, *time);
  }
  const std::string done =
      never ? "never expires" : Concat("expires ", LocalTime(request.customer().expire_time()));
  return Change(program, target, texts, request, done);
}

}  // namespace

void NotePast(Output& output, const google::protobuf::Timestamp& time) {
  if (time.seconds() < std::chrono::system_clock::to_time_t(base::RealClock().WallNow())) {
    output.Note("this time has passed: the identifier opens nothing");
  }
}

absl::StatusOr<std::vector<LocalCustomer>> AllCustomers(const StudioClient& client) {
  std::vector<LocalCustomer> customers;
  v1::ListLocalCustomersRequest request;
  request.set_page_size(kPageSize);
  const absl::Status status = client.ForEachPage(
      &Stub::ListLocalCustomers, request, [&](const v1::ListLocalCustomersResponse& page) {
        for (int i = 0; i < page.customers_size(); ++i) {
          customers.push_back({page.customers(i), i < page.statuses_size()
                                                      ? page.statuses(i)
                                                      : v1::LocalCustomerStatus()});
        }
      });
  if (!status.ok()) return status;
  return customers;
}

absl::Status PrintCustomers(Output& output, const std::vector<LocalCustomer>& customers,
                            const std::string& csv) {
  if (csv == "-") {
    if (output.json()) {
      return UsageError("--csv - and --json both want standard output; give --csv a file");
    }
    std::string text = ToCsv(customers);
    text.resize(text.size() - 1);  // Line() ends it
    output.Line(text);
    return absl::OkStatus();
  }
  if (!csv.empty()) {
    // Identifiers open galleries: nobody else is to read them.
    const absl::Status written = base::WriteFileDurably(csv, ToCsv(customers), 0600);
    if (!written.ok()) return written;
    output.Note(Concat(
        "wrote ", CountText(static_cast<std::int64_t>(customers.size()), "customer", "customers"),
        " to ", csv));
    if (!output.json()) return absl::OkStatus();
  }
  if (!output.json()) {
    PrintTable(output, customers);
    return absl::OkStatus();
  }
  for (const LocalCustomer& one : customers) {
    output.Line(
        Concat("{\"customer\":", ToJson(one.customer), ",\"status\":", ToJson(one.status), "}"));
  }
  return absl::OkStatus();
}

void AddStudioCustomerVerbs(CLI::App& group, Program& program, const Target& target) {
  AddStudioShareVerb(group, program, target);
  auto csv = std::make_shared<std::string>();
  AddVerb(group, program, "customers",
          "List the customers made on this device, with their identifiers",
          "proofline studio customers --csv customers.csv",
          [&program, target, csv] { return List(program, *target, *csv); })
      ->add_option("--csv", *csv, "Write the list to this file; - writes standard output");

  auto texts = std::make_shared<std::vector<std::string>>();
  constexpr char kWhich[] = "Identifier, name, or what the customer is called";
  AddVerb(group, program, "revoke", "Make identifiers of customers open nothing any more",
          "proofline studio revoke 7K3M-09QX-T4ZD-5WPA",
          [&program, target, texts] {
            v1::UpdateLocalCustomerRequest request;
            request.mutable_customer()->set_revoked(true);
            request.mutable_update_mask()->add_paths("revoked");
            return Change(program, *target, *texts, request, "is revoked");
          })
      ->add_option("customers", *texts, kWhich)
      ->required();
  struct When {
    std::string at;
    bool never = false;
  };
  auto when = std::make_shared<When>();
  CLI::App* expire = AddVerb(
      group, program, "expire", "Say when identifiers of customers stop working",
      "proofline studio expire \"Ada Smith\" --at 2027-01-01", [&program, target, texts, when] {
        return Expire(program, *target, *texts, when->at, when->never);
      });
  expire->add_option("customers", *texts, kWhich)->required();
  expire->add_option("--at", when->at, "2027-01-01 or RFC 3339");
  expire->add_flag("--never", when->never, "Let them work for ever")->excludes("--at");
}

}  // namespace proofline::cli
