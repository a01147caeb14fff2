// proofline host studio … and host device ….
#include "cli/exit_code.h"
#include "cli/host_verbs.h"
#include "cli/key_file.h"
#include "cli/text.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

using Stub = v1::AdminService::Stub;
using base::Concat;
using Target = std::shared_ptr<HostTarget>;

constexpr char kDeviceHelp[] = "STUDIO/DEVICE, the full name, or DEVICE where there is one studio";

std::string HoldText(const v1::HoldPolicy& policy) {
  if (policy.mode() == v1::HoldPolicy::MODE_HOURS) return Concat("for ", policy.hours(), " hours");
  return policy.mode() == v1::HoldPolicy::MODE_ALWAYS ? "until released" : "off";
}

void PrintStudio(Output& output, const v1::Studio& studio) {
  if (output.json()) {
    output.Json(studio);
    return;
  }
  const auto limit = [](std::int64_t value, std::string text) {
    return value > 0 ? std::move(text) : std::string();
  };
  const v1::Quota& quota = studio.quota();
  output.Print(Facts{
      {"studio", studio.name()},
      {"name", studio.display_name()},
      {"created", LocalTime(studio.create_time())},
      {"orders held", HoldText(studio.hold_policy())},
      {"most photos", limit(quota.photos(), std::to_string(quota.photos()))},
      {"most renditions", limit(quota.rendition_bytes(), SizeText(quota.rendition_bytes()))},
      {"most per second", limit(quota.bytes_per_second(), SizeText(quota.bytes_per_second()))}});
}

void PrintDevice(Output& output, const v1::Device& device) {
  if (output.json()) {
    output.Json(device);
    return;
  }
  output.Print(Facts{
      {"device", device.name()},
      {"name", device.display_name()},
      {"created", LocalTime(device.create_time())},
      {"last seen", device.has_last_seen_time() ? LocalTime(device.last_seen_time()) : "never"},
      {"revoked", device.revoked() ? "yes" : "no"},
      {"publications", std::to_string(device.last_sequence())}});
}

absl::Status CreateStudio(Program& program, const HostTarget& target, const std::string& id,
                          const std::string& name) {
  const auto full = RequireName(kStudioPattern, id, "a studio");
  if (!full.ok()) return full.status();
  const auto client = DialHost(program, target);
  if (!client.ok()) return client.status();
  v1::CreateStudioRequest request;
  request.set_studio_id(LastId(*full));
  request.mutable_studio()->set_display_name(name);
  const auto studio = client->Call(&Stub::CreateStudio, request);
  if (!studio.ok()) return studio.status();
  program.output.Done(*studio, Concat("created ", studio->name()));
  return absl::OkStatus();
}

absl::Status ListStudios(Program& program, const HostTarget& target) {
  const auto client = DialHost(program, target);
  if (!client.ok()) return client.status();
  v1::ListStudiosRequest request;
  request.set_page_size(kHostPageSize);
  return PrintList(
      program.output, *client, &Stub::ListStudios, request, &v1::ListStudiosResponse::studios,
      Table({"STUDIO", "NAME", "CREATED"}),
      [](const v1::Studio& studio) {
        return std::vector<std::string>{LastId(studio.name()), studio.display_name(),
                                        LocalTime(studio.create_time())};
      },
      "no studios yet; make one with: proofline host studio create ID");
}

absl::Status ShowStudio(Program& program, const HostTarget& target, const std::string& id) {
  return CallNamed(program, target, &Stub::GetStudio, kStudioPattern, id, "a studio",
                   [&](const v1::Studio& studio) { PrintStudio(program.output, studio); });
}

struct NewDevice {
  std::string studio;
  std::string id;
  std::string name;
  std::string key_file;
};

absl::Status CreateDevice(Program& program, const HostTarget& target, const NewDevice& wanted) {
  const auto parent = RequireName(kStudioPattern, wanted.studio, "a studio");
  if (!parent.ok()) return parent.status();
  const auto full = RequireName("devices/*", wanted.id, "a device");
  if (!full.ok()) return full.status();
  // The key is told only once: find out before asking whether there is a place for it.
  if (!wanted.key_file.empty()) {
    if (absl::Status status = CheckKeyFile(wanted.key_file); !status.ok()) return status;
  }
  const auto client = DialHost(program, target);
  if (!client.ok()) return client.status();
  v1::CreateDeviceRequest request;
  request.set_parent(*parent);
  request.set_device_id(LastId(*full));
  request.mutable_device()->set_display_name(wanted.name);
  auto response = client->Call(&Stub::CreateDevice, request);
  if (!response.ok()) return response.status();
  if (wanted.key_file.empty()) {
    if (program.output.json()) {
      program.output.Json(*response);
    } else {
      program.output.Note("the key of " + response->device().name() + ", shown this once:");
      program.output.Line(response->device_key());
    }
    return absl::OkStatus();
  }
  if (absl::Status status = WriteKeyFile(wanted.key_file, response->device_key()); !status.ok()) {
    return absl::Status(
        status.code(),
        Concat(base::ToStd(status.message()), "; ", response->device().name(),
               " was created but its key is lost: revoke it and create another device"));
  }
  response->clear_device_key();
  program.output.Done(*response, Concat("created ", response->device().name(), ", its key is in ",
                                        wanted.key_file));
  return absl::OkStatus();
}

absl::Status ListDevices(Program& program, const HostTarget& target, const std::string& studio) {
  return PrintListOfStudio(
      program, target, &Stub::ListDevices, studio, &v1::ListDevicesResponse::devices,
      Table({"DEVICE", "NAME", "CREATED", "LAST SEEN", "REVOKED"}),
      [](const v1::Device& device) {
        return std::vector<std::string>{
            ShortName(device.name(), 0), device.display_name(), LocalTime(device.create_time()),
            LocalTime(device.last_seen_time()), device.revoked() ? "revoked" : ""};
      },
      "this studio has no devices yet");
}

absl::Status ShowDevice(Program& program, const HostTarget& target, const std::string& text) {
  return CallNamed(program, target, &Stub::GetDevice, kDevicePattern, text, "a device",
                   [&](const v1::Device& device) { PrintDevice(program.output, device); });
}

absl::Status RevokeDevice(Program& program, const HostTarget& target, const std::string& text) {
  return CallNamed(program, target, &Stub::RevokeDevice, kDevicePattern, text, "a device",
                   [&](const v1::Device& device) {
                     program.output.Done(device, Concat(device.name(), " is revoked"));
                   });
}

}  // namespace

void AddHostStudioVerbs(CLI::App& group, Program& program, const Target& target) {
  CLI::App* studios = AddGroup(group, "studio", "Studios of the host");
  auto id = std::make_shared<std::string>();
  auto name = std::make_shared<std::string>();
  CLI::App* create =
      AddVerb(*studios, program, "create", "Create a studio",
              "proofline host studio create demo --name \"Demo Photography\"",
              [&program, target, id, name] { return CreateStudio(program, *target, *id, *name); });
  create->add_option("id", *id, "Its identifier: a-z, 0-9 and hyphens")->required();
  create->add_option("--name", *name, "What people call it");
  AddVerb(*studios, program, "list", "List the studios", "proofline host studio list",
          [&program, target] { return ListStudios(program, *target); });
  AddVerb(*studios, program, "show", "Show one studio", "proofline host studio show demo",
          [&program, target, id] { return ShowStudio(program, *target, *id); })
      ->add_option("id", *id, "Its identifier")
      ->required();
}

void AddHostDeviceVerbs(CLI::App& group, Program& program, const Target& target) {
  CLI::App* devices = AddGroup(group, "device", "Devices of a studio");
  auto wanted = std::make_shared<NewDevice>();
  CLI::App* create =
      AddVerb(*devices, program, "create", "Create a device and its key",
              "proofline host device create demo front-desk --key-file front-desk.key",
              [&program, target, wanted] { return CreateDevice(program, *target, *wanted); });
  create->add_option("studio", wanted->studio, "The studio's identifier")->required();
  create->add_option("device", wanted->id, "Its identifier: a-z, 0-9 and hyphens")->required();
  create->add_option("--name", wanted->name, "What people call it");
  create->add_option("--key-file", wanted->key_file,
                     "Write its key into this new file (mode 0600) instead of printing it");
  auto studio = std::make_shared<std::string>();
  AddVerb(*devices, program, "list", "List a studio's devices", "proofline host device list demo",
          [&program, target, studio] { return ListDevices(program, *target, *studio); })
      ->add_option("studio", *studio, "The studio's identifier")
      ->required();
  auto text = std::make_shared<std::string>();
  AddVerb(*devices, program, "show", "Show one device",
          "proofline host device show demo/front-desk",
          [&program, target, text] { return ShowDevice(program, *target, *text); })
      ->add_option("device", *text, kDeviceHelp)
      ->required();
  AddVerb(*devices, program, "revoke", "Refuse a device from now on and cut its streams",
          "proofline host device revoke demo/front-desk",
          [&program, target, text] { return RevokeDevice(program, *target, *text); })
      ->add_option("device", *text, kDeviceHelp)
      ->required();
}

}  // namespace proofline::cli
